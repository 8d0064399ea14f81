// Package gittest makes Git repositories and servers for tests, with git's own programs.
package gittest

import (
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// File is a file of a repository, with its mode as Git writes it.
type File struct {
	Mode int64
	Text string
}

// Isolate sets git apart from the machine's own settings, or skips the test.
func Isolate(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed, and this is about what it does")
	}
	for name, value := range map[string]string{
		"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.DevNull,
		"GIT_AUTHOR_NAME": "Test", "GIT_AUTHOR_EMAIL": "t@example.com",
		"GIT_COMMITTER_NAME": "Test", "GIT_COMMITTER_EMAIL": "t@example.com",
	} {
		t.Setenv(name, value)
	}
}

// Git runs git and returns what it printed, without white space around it.
func Git(t testing.TB, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// Bare makes a bare repository named infra.git whose branch main holds files.
func Bare(t testing.TB, files map[string]File) (dir string) {
	t.Helper()
	Isolate(t)
	seed := filepath.Join(t.TempDir(), "seed")
	Git(t, ".", "init", "--quiet", "--initial-branch=main", seed)
	for name, f := range files {
		at := filepath.Join(seed, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		write := func() error { return os.WriteFile(at, []byte(f.Text), os.FileMode(f.Mode&0o777)) }
		if f.Mode == 0o120000 {
			write = func() error { return os.Symlink(f.Text, at) }
		}
		if err := write(); err != nil {
			t.Fatal(err)
		}
	}
	Git(t, seed, "add", ".")
	Git(t, seed, "commit", "--quiet", "--message=start")
	dir = filepath.Join(t.TempDir(), "infra.git")
	Git(t, ".", "clone", "--quiet", "--bare", seed, dir)
	return dir
}

// Clone makes a checkout of a repository.
func Clone(t testing.TB, repository string) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "infra")
	Git(t, ".", "clone", "--quiet", repository, dir)
	return dir
}

// Hook puts a script of the shell into a bare repository.
func Hook(t testing.TB, bare, name, script string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(bare, "hooks", name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

// Server is git's own HTTP server of one bare repository. It counts what comes and goes.
type Server struct {
	URL, Dir string
	Latency  time.Duration
	Before   func(*http.Request) int // may answer with a status in place of git, 0 being none
	After    func(*http.Request) int // may answer with a status in place of what git said

	Requests, Bytes, Connections atomic.Int64
}

// Serve starts one, which leaves files out where a client asks for it, as GitHub's does.
func Serve(t testing.TB, bare string) *Server {
	t.Helper()
	// A server of many repositories tidies up at times of its own, not after each push.
	for name, value := range map[string]string{"http.receivepack": "true", "uploadpack.allowFilter": "true", "uploadpack.allowAnySHA1InWant": "true", "receive.autogc": "false"} {
		Git(t, bare, "config", name, value)
	}
	s := &Server{Dir: bare}
	backend := &cgi.Handler{
		Path: filepath.Join(Git(t, bare, "--exec-path"), "git-http-backend"),
		Env: []string{
			"GIT_PROJECT_ROOT=" + filepath.Dir(bare), "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=bot",
			"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull,
		},
		Stderr: t.Output(), // not os.Stderr, which kustomize's renders put aside
	}
	h := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(s.Latency) // the network that a loopback server lacks; 0 unless a test asks for it
		s.Requests.Add(1)
		if s.Before != nil {
			if status := s.Before(r); status != 0 {
				http.Error(w, "no", status)
				return
			}
		}
		if s.After != nil {
			if status := s.After(r); status != 0 {
				backend.ServeHTTP(httptest.NewRecorder(), r)
				http.Error(w, "no", status)
				return
			}
		}
		backend.ServeHTTP(w, r)
	}))
	h.Listener = &Meter{Listener: h.Listener, Bytes: &s.Bytes, Connections: &s.Connections}
	h.Start()
	t.Cleanup(h.Close)
	s.URL = h.URL + "/" + filepath.Base(bare)
	return s
}
