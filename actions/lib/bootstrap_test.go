// Package lib tests bootstrap.sh, which every action starts with.
package lib

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// release is a made-up release: the "binary" is a script that says what it got.
type release struct {
	script    string // path of a copy of bootstrap.sh beside a lock of its own
	cache     string
	mirror    string
	downloads atomic.Int32
}

const program = "#!/bin/sh\necho \"v1.2.3 got: $*\"\n"

func newRelease(t *testing.T, served []byte) *release {
	t.Helper()
	for _, tool := range []string{"bash", "curl", "gzip", "awk"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	_, _ = zip.Write([]byte(program))
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	if served == nil {
		served = packed.Bytes()
	}
	r := &release{cache: filepath.Join(t.TempDir(), "tool cache")}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path != "/v1.2.3/hyaction_linux_amd64.gz" {
			http.NotFound(w, req)
			return
		}
		r.downloads.Add(1)
		_, _ = w.Write(served)
	}))
	t.Cleanup(server.Close)
	r.mirror = server.URL

	dir := t.TempDir()
	script, err := os.ReadFile("bootstrap.sh")
	if err != nil {
		t.Fatal(err)
	}
	r.script = filepath.Join(dir, "bootstrap.sh")
	if err := os.WriteFile(r.script, script, 0o755); err != nil {
		t.Fatal(err)
	}
	r.lock(t, fmt.Sprintf("version v1.2.3\n%x  hyaction_linux_amd64.gz\n", sha256.Sum256(packed.Bytes())))
	return r
}

func (r *release) lock(t *testing.T, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(filepath.Dir(r.script), "hyaction.lock"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// run starts the script as a runner does, and returns its output and exit code.
func (r *release) run(t *testing.T, env ...string) (string, int) {
	t.Helper()
	cmd := exec.Command("bash", r.script, "canary-gate", "two words")
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "no_proxy=*",
		"RUNNER_OS=Linux", "RUNNER_ARCH=X64", "RUNNER_TOOL_CACHE=" + r.cache, "HYACTION_MIRROR=" + r.mirror,
	}, env...)
	out, err := cmd.CombinedOutput()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func TestBootstrap_ColdThenWarm(t *testing.T) {
	r := newRelease(t, nil)
	for range 2 {
		out, code := r.run(t)
		if want := "v1.2.3 got: canary-gate two words\n"; out != want || code != 0 {
			t.Fatalf("got %q and exit code %d, want %q and 0", out, code, want)
		}
	}
	if n := r.downloads.Load(); n != 1 {
		t.Errorf("downloaded %d times, want once", n)
	}
	entries, err := os.ReadDir(filepath.Join(r.cache, "hyaction", "1.2.3"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if got, want := strings.Join(names, " "), "amd64 amd64.complete"; got != want {
		t.Errorf("the cache holds %q, want %q and no leftovers", got, want)
	}
}

func TestBootstrap_AnotherLockTakesNoCachedBinary(t *testing.T) {
	r := newRelease(t, nil)
	r.run(t)
	r.lock(t, fmt.Sprintf("version v1.2.3\n%x  hyaction_linux_amd64.gz\n", sha256.Sum256([]byte("other bytes"))))
	out, code := r.run(t)
	if code != 1 || !strings.Contains(out, "it is not the file that was released") {
		t.Errorf("got %q and exit code %d, want a refusal and 1", out, code)
	}
}

func TestBootstrap_Refuses(t *testing.T) {
	tests := []struct {
		name   string
		served []byte
		lock   string
		env    []string
		want   string
	}{
		{name: "a tampered file", served: []byte("evil"), want: "it is not the file that was released"},
		{name: "an unknown operating system", env: []string{"RUNNER_OS=Plan9"}, want: "operating system 'Plan9'"},
		{name: "an unknown architecture", env: []string{"RUNNER_ARCH=X86"}, want: "architecture 'X86'"},
		{name: "a platform that was not released", env: []string{"RUNNER_ARCH=ARM64"}, want: "no checksum for hyaction_linux_arm64.gz"},
		{name: "a commit without a release", lock: "# nothing yet\n", want: "this commit belongs to no release"},
		{name: "a mirror without the file", env: []string{"HYACTION_MIRROR=MIRROR/none"}, want: "could not download"},
		{name: "a HYACTION_BIN that is not there", env: []string{"HYACTION_BIN=/nonexistent/hyaction"}, want: "HYACTION_BIN is '/nonexistent/hyaction'"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRelease(t, tt.served)
			if tt.lock != "" {
				r.lock(t, tt.lock)
			}
			for i, v := range tt.env {
				tt.env[i] = strings.Replace(v, "MIRROR/", r.mirror+"/", 1)
			}
			out, code := r.run(t, tt.env...)
			if code != 1 || !strings.Contains(out, tt.want) {
				t.Errorf("got %q and exit code %d, want %q and 1", out, code, tt.want)
			}
			if n := strings.Count(out, "::error title=hyaction::"); n != 1 {
				t.Errorf("%d error annotations in %q, want 1", n, out)
			}
			var left []string
			_ = filepath.WalkDir(r.cache, func(path string, d os.DirEntry, err error) error {
				if err == nil && !d.IsDir() {
					left = append(left, path)
				}
				return nil
			})
			if len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestBootstrap_RunsTheGivenBinary(t *testing.T) {
	r := newRelease(t, nil)
	bin := filepath.Join(t.TempDir(), "hyaction")
	if err := os.WriteFile(bin, []byte("#!/bin/sh\necho mine: $1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if out, code := r.run(t, "HYACTION_BIN="+bin); out != "mine: canary-gate\n" || code != 0 {
		t.Errorf("got %q and exit code %d", out, code)
	}
}
