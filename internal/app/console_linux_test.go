package app

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/buenhyden/hy-home/internal/action/setupplatform"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/gha"
	"github.com/buenhyden/hy-home/internal/testkit/screen"
)

// terminal is a real one: what is written to tty is read from it.
type terminal struct {
	tty  *os.File
	done chan struct{}

	mu   sync.Mutex
	text bytes.Buffer
}

func newTerminal(t *testing.T, width, height uint16) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil { // it is locked at first
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Col: width, Row: height}); err != nil {
		t.Fatal(err)
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	term := &terminal{tty: tty, done: make(chan struct{})}
	t.Cleanup(func() { _ = tty.Close(); <-term.done; _ = master.Close() })
	go func() {
		defer close(term.done)
		_, _ = io.Copy(term, master) // ends with an error when the terminal is closed
	}()
	return term
}

func (t *terminal) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(b)
}

func (t *terminal) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

// run shows a graph of more steps than the terminal has rows; one is at work
// until that is to be seen.
func (t *terminal) run(test *testing.T, environ ...string) string {
	test.Helper()
	env := parseEnviron(environ)
	p := &program{env: env, stdout: io.Discard, stderr: t.tty, gha: gha.New(io.Discard, t.tty, env.get)}
	o := setupplatform.Options{Warn: func(string) {}}
	console := watch(p.runtime(nil), &o)
	plain := env.get("TERM") == "dumb"
	nodes := []engine.Node{{ID: "seen", Lane: "cluster", Run: func(ctx context.Context, progress func(string)) (engine.Outcome, error) {
		progress("waits until it is seen")
		o.Warn("look out")
		for !strings.Contains(t.String(), "1 at work") && !plain {
			select {
			case <-ctx.Done():
				return "", ctx.Err()
			case <-time.After(10 * time.Millisecond): // until its next look at the terminal
			}
		}
		return engine.Created, nil
	}}}
	for i := range 20 {
		nodes = append(nodes, engine.Node{ID: fmt.Sprint("step-", i), Lane: "docker", Needs: []string{"seen"}, Run: func(context.Context, func(string)) (engine.Outcome, error) {
			return engine.Created, nil
		}})
	}
	if _, err := engine.Run(test.Context(), nodes, engine.Options{Observe: o.Observe}); err != nil {
		test.Fatal(err)
	}
	console.Close()
	_ = t.tty.Close()
	<-t.done
	return t.String()
}

func TestConsole_OnARealTerminal(t *testing.T) {
	for _, tt := range []struct {
		environ string
		colour  bool
	}{{"TERM=xterm", true}, {"NO_COLOR=1", false}} {
		s := &screen.Screen{Width: 50, Height: 10}
		_, _ = io.WriteString(s, newTerminal(t, 50, 10).run(t, tt.environ))
		if len(s.Faults) > 0 || s.Colours > 0 != tt.colour {
			t.Errorf("%s: %v, %d colours", tt.environ, s.Faults, s.Colours)
		}
		if got := s.String(); !strings.HasPrefix(got, "warning: look out\n✓ cluster") || strings.Count(got, "created") != 21 || !strings.Contains(got, "\n└ ✓ step-19") {
			t.Errorf("%s: the last tree is\n%s", tt.environ, got)
		}
	}
	if got := newTerminal(t, 50, 10).run(t, "TERM=dumb"); strings.Contains(got, "\x1b") || strings.Count(got, "created") != 21 {
		t.Errorf("a terminal that can move no cursor got\n%s", got)
	}
}
