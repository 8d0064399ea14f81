package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// attempt is a set-up that is to fail.
type attempt struct {
	cmd *exec.Cmd
	out strings.Builder
	mu  sync.Mutex
}

func (a *attempt) Write(b []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.out.Write(b)
}

func (a *attempt) text() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.out.String()
}

func (p *platform) start(t *testing.T, env []string, args ...string) *attempt {
	t.Helper()
	a := &attempt{cmd: exec.CommandContext(t.Context(), filepath.Join(p.out, "bin", "hyaction"), append(p.setup(t), args...)...)}
	a.cmd.Dir, a.cmd.Stdout, a.cmd.Stderr, a.cmd.Env = p.root, a, a, append(os.Environ(), env...)
	if err := a.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return a
}

// until waits until it says something, or is at its end.
func (a *attempt) until(t *testing.T, text string) {
	t.Helper()
	for range 3000 {
		if strings.Contains(a.text(), text) {
			return
		}
		time.Sleep(100 * time.Millisecond) // until its next look at what the process printed
	}
	t.Fatalf("it never says %q:\n%s", text, a.text())
}

// fails waits for the end: it must be this exit code, with one error line that
// holds the text, and returns the folder of the diagnostics.
func (a *attempt) fails(t *testing.T, code int, cause string) string {
	t.Helper()
	_ = a.cmd.Wait() // the code is what counts
	out := a.text()
	if got := a.cmd.ProcessState.ExitCode(); got != code {
		t.Errorf("exit code %d, want %d", got, code)
	}
	lines := regexp.MustCompile(`(?m)^(?:::error[^:]*::|error: )(.*)$`).FindAllStringSubmatch(out, -1)
	if len(lines) != 1 || !strings.Contains(lines[0][1], cause) {
		t.Errorf("%d error lines, want one with %q:\n%s", len(lines), cause, out)
	} else {
		t.Logf("%s", lines[0][1])
	}
	dir := regexp.MustCompile(`(?m)^diagnostics=(.*)$`).FindStringSubmatch(out)
	if dir == nil {
		return ""
	}
	return dir[1]
}

func holdsFiles(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range append(names, "README.md", "cause.txt", "machine/memory.txt") {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil || dir == "" {
			t.Errorf("the diagnostics in %q lack %s", dir, name)
		}
	}
}
