package bumpimage

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/buenhyden/hy-home/internal/forge/forgetest"
	"github.com/buenhyden/hy-home/internal/run"
)

// gitServer serves a bare repository by git's own server, and counts.
type gitServer struct {
	url, bare        string
	requests, octets atomic.Int64
}

func newGitServer(t testing.TB, files map[string]forgetest.File, latency time.Duration) *gitServer {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed, and this is about its own server and client")
	}
	env := map[string]string{
		"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.DevNull,
		"GIT_AUTHOR_NAME": "Test", "GIT_AUTHOR_EMAIL": "t@example.com", "GIT_COMMITTER_NAME": "Test", "GIT_COMMITTER_EMAIL": "t@example.com",
	}
	for name, value := range env {
		t.Setenv(name, value)
	}
	dir := t.TempDir()
	seed, bare := filepath.Join(dir, "seed"), filepath.Join(dir, "infra.git")
	command(t, dir, "init", "--quiet", "--initial-branch=main", seed)
	for name, f := range files {
		if err := os.MkdirAll(filepath.Join(seed, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(seed, name), []byte(f.Text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	command(t, seed, "add", ".")
	command(t, seed, "commit", "--quiet", "--message=start")
	command(t, dir, "clone", "--quiet", "--bare", seed, bare)
	command(t, bare, "config", "http.receivepack", "true")
	command(t, bare, "config", "uploadpack.allowFilter", "true")
	command(t, bare, "config", "uploadpack.allowAnySHA1InWant", "true")
	s := &gitServer{bare: bare}
	backend := &cgi.Handler{
		Path: filepath.Join(command(t, dir, "--exec-path"), "git-http-backend"),
		Env:  []string{"GIT_PROJECT_ROOT=" + dir, "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=bot", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(latency) // the network that a loopback server lacks
		s.requests.Add(1)
		r.Body = io.NopCloser(io.TeeReader(r.Body, countWriter{&s.octets}))
		backend.ServeHTTP(&countedResponse{w, &s.octets}, r)
	}))
	t.Cleanup(server.Close)
	s.url = server.URL + "/infra.git"
	return s
}

type countWriter struct{ n *atomic.Int64 }

func (c countWriter) Write(b []byte) (int, error) { c.n.Add(int64(len(b))); return len(b), nil }

type countedResponse struct {
	http.ResponseWriter
	n *atomic.Int64
}

func (c *countedResponse) Write(b []byte) (int, error) {
	c.n.Add(int64(len(b)))
	return c.ResponseWriter.Write(b)
}

func command(t testing.TB, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func gitOptions(s *gitServer, images ...string) Options {
	return Options{
		Repository: s.url, Paths: []string{devOverlay}, Images: images, Mode: Push, Backend: Git,
		API: "https://api.github.com", Token: forgetest.Token, Author: "Bot <bot@example.com>", Runner: run.Exec{},
	}
}

// Only what the kustomization names is brought out of a big repository.
func TestGit_BringsOnlyWhatIsNeeded(t *testing.T) {
	s := newGitServer(t, infra(2000), 0)
	res := mustRun(t, gitOptions(s, "reg.example/app:v2"))
	if !res.Changed || !res.Verified || res.Commit != command(t, s.bare, "rev-parse", "main") {
		t.Errorf("Result = %+v", res)
	}
	if got := command(t, s.bare, "diff", "--name-only", "main~", "main"); got != devFile {
		t.Errorf("changed %q", got)
	}
	if n := s.octets.Load(); n > 250_000 { // names and hashes of 2,000 files; their texts are 1 MB
		t.Errorf("%d bytes crossed the network", n)
	}
}

func TestGit_AHookThatRefuses(t *testing.T) {
	s := newGitServer(t, infra(0), 0)
	if err := os.WriteFile(filepath.Join(s.bare, "hooks/pre-receive"), []byte("#!/bin/sh\necho 'main is frozen' >&2\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := Run(t.Context(), gitOptions(s, "reg.example/app:v2"))
	if err == nil || !strings.Contains(err.Error(), "main is frozen") {
		t.Errorf("err = %v", err)
	}
}

func TestGit_FiftyWriters(t *testing.T) {
	const writers = 50
	s := newGitServer(t, fiveApps(writers/2), 20*time.Millisecond)
	hub := forgetest.New(t, infra(0)) // knows the source repository
	commit := func(n int) string { return fmt.Sprintf("a%039d", n) }
	for i := range writers {
		hub.Source = append(hub.Source, commit(i))
	}
	results := make([]Result, writers)
	start := time.Now()
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			o := gitOptions(s, fmt.Sprintf("reg.example/c%d:%s", i/2, commit(i)))
			o.Paths, o.API = []string{fmt.Sprintf("apps/%d/overlays/dev", i/2%5)}, hub.URL
			o.Source = Source{Repository: "acme/app", Commit: commit(i), Token: forgetest.Token}
			var err error
			if results[i], err = Run(context.Background(), o); err != nil {
				t.Errorf("writer %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	took := time.Since(start)
	landed, attempts := 0, 0
	for i, r := range results {
		attempts += r.Attempts
		if r.Changed {
			landed++
		} else if r.Operation != "superseded" || i%2 != 0 {
			t.Errorf("writer %d: %+v", i, r)
		}
	}
	for i := 1; i < writers; i += 2 {
		if text := command(t, s.bare, "show", fmt.Sprintf("main:apps/%d/overlays/dev/kustomization.yaml", i/2%5)); !strings.Contains(text, commit(i)) {
			t.Errorf("writer %d is lost", i)
		}
	}
	if n, merges := command(t, s.bare, "rev-list", "--count", "main"), command(t, s.bare, "rev-list", "--count", "--merges", "main"); n != fmt.Sprint(landed+1) || merges != "0" {
		t.Errorf("%s commits, %s merges for %d that landed", n, merges, landed)
	}
	t.Logf("%d writers: %d landed, %d superseded, %d attempts, %d requests, %s", writers, landed, writers-landed, attempts, s.requests.Load(), took.Round(time.Millisecond))
}

// spy remembers what processes are started with.
type spy struct {
	mu   sync.Mutex
	seen strings.Builder
}

func (s *spy) Run(ctx context.Context, c run.Cmd) (run.Result, error) {
	s.mu.Lock()
	fmt.Fprintln(&s.seen, c.String())
	for _, e := range c.Env {
		// The header reaches git, and git alone, in this one variable.
		if !strings.HasPrefix(e, "HYACTION_GIT_AUTHORIZATION=") {
			fmt.Fprintln(&s.seen, e)
		}
	}
	s.mu.Unlock()
	return run.Exec{}.Run(ctx, c)
}

// No argument, variable, progress, message, error or file of the repository shows the token.
func TestToken_IsNowhere(t *testing.T) {
	s := newGitServer(t, infra(0), 0)
	hub := forgetest.New(t, infra(0))
	watch := &spy{}
	var said strings.Builder
	for _, o := range []Options{gitOptions(s, "reg.example/app:v2"), gitOptions(s, "reg.example/nothing:v2"), apiOptions(hub, "reg.example/app:v2"), apiOptions(hub, "reg.example/nothing:v2")} {
		o.Runner = watch
		o.Progress = func(line string) { said.WriteString(line) }
		for _, repository := range []string{o.Repository, "https://nobody.invalid/acme/infra"} {
			o.Repository = repository
			res, err := Run(t.Context(), o)
			fmt.Fprintln(&said, res, err)
		}
	}
	for _, r := range hub.Requests {
		said.WriteString(r.Path + r.Body)
	}
	said.WriteString(watch.seen.String() + command(t, s.bare, "log", "-p", "main"))
	for _, secret := range []string{forgetest.Token, base64.StdEncoding.EncodeToString([]byte("x-access-token:" + forgetest.Token))} {
		if i := strings.Index(said.String(), secret); i >= 0 {
			t.Errorf("the token shows: ...%s", said.String()[max(0, i-80):i])
		}
	}
}
