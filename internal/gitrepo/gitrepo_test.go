package gitrepo

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/run"
)

// git runs git for a test, apart from the machine's own settings.
func git(t testing.TB, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// newBare makes a bare repository whose branch main holds counter.txt and run.sh.
func newBare(t testing.TB) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	for name, value := range map[string]string{
		"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.DevNull,
		"GIT_AUTHOR_NAME": "Test", "GIT_AUTHOR_EMAIL": "t@example.com",
		"GIT_COMMITTER_NAME": "Test", "GIT_COMMITTER_EMAIL": "t@example.com",
	} {
		if t, ok := t.(*testing.T); ok {
			t.Setenv(name, value)
		}
	}
	seed := filepath.Join(t.TempDir(), "seed")
	git(t, ".", "init", "--quiet", "--initial-branch=main", seed)
	write(t, filepath.Join(seed, "counter.txt"), "\n", 0o644)
	write(t, filepath.Join(seed, "dir/run.sh"), "#!/bin/sh\r\n", 0o755)
	git(t, seed, "add", ".")
	git(t, seed, "commit", "--quiet", "--message=seed")
	bare := filepath.Join(t.TempDir(), "infra.git")
	git(t, ".", "clone", "--quiet", "--bare", seed, bare)
	return bare
}

func write(t testing.TB, file, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

func options(repository string) Options {
	return Options{
		Repository: repository, Author: "Bot <bot@example.com>", Runner: run.Exec{},
		Wait: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	}
}

func open(t testing.TB, o Options) *Repo {
	t.Helper()
	r, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// add is the intent to have a line in counter.txt.
func add(line string) Intent {
	return func(_ context.Context, tree Tree) (Commit, error) {
		text, err := fs.ReadFile(tree, "counter.txt")
		if err != nil || bytes.Contains(text, []byte(line+"\n")) {
			return Commit{}, err
		}
		return Commit{Files: map[string][]byte{"counter.txt": append(text, line+"\n"...)}, Message: "add " + line + "\n\n# body"}, nil
	}
}

func TestUpdate_PushesToABareRepository(t *testing.T) {
	bare := newBare(t)
	r := open(t, options(bare))
	if r.Branch() != "main" {
		t.Errorf("Branch = %q, want the default branch", r.Branch())
	}
	got, err := r.Update(t.Context(), add("a"))
	if err != nil || !got.Changed || got.Attempts != 1 {
		t.Fatalf("Update = %+v, %v", got, err)
	}
	if head := git(t, bare, "rev-parse", "main"); head != got.Commit {
		t.Errorf("main is at %s, want %s", head, got.Commit)
	}
	if log := git(t, bare, "log", "-1", "--format=%an <%ae>|%B", "main"); log != "Bot <bot@example.com>|add a\n\n# body" {
		t.Errorf("commit: %s", log)
	}
	again, err := r.Update(t.Context(), add("a"))
	if err != nil || again.Changed || again.Commit != got.Commit {
		t.Errorf("second Update = %+v, %v; want unchanged", again, err)
	}
}

func TestUpdate_KeepsModeAndBytes(t *testing.T) {
	bare := newBare(t)
	_, err := open(t, options(bare)).Update(t.Context(), func(context.Context, Tree) (Commit, error) {
		return Commit{Files: map[string][]byte{"dir/run.sh": []byte("#!/bin/sh\r\ntrue\r\n")}, Message: "x"}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := git(t, bare, "ls-tree", "main", "dir/run.sh"); !strings.HasPrefix(got, "100755") {
		t.Errorf("mode: %s", got)
	}
	if got := git(t, bare, "cat-file", "-s", "main:dir/run.sh"); got != "17" {
		t.Errorf("size %s, want 17", got)
	}
}

func TestUpdate_AppliesTheIntentAgainOnANewHead(t *testing.T) {
	bare := newBare(t)
	slow, fast := open(t, options(bare)), open(t, options(bare))
	first := true
	got, err := slow.Update(t.Context(), func(ctx context.Context, root Tree) (Commit, error) {
		if first {
			first = false
			if _, err := fast.Update(t.Context(), add("fast")); err != nil {
				t.Fatal(err)
			}
		}
		return add("slow")(ctx, root)
	})
	if err != nil || got.Attempts != 2 || !got.Changed {
		t.Fatalf("Update = %+v, %v; want two attempts", got, err)
	}
	if text := git(t, bare, "show", "main:counter.txt"); text != "fast\nslow" {
		t.Errorf("counter.txt = %q", text)
	}
}

// The same value pushed by somebody else first is success, without a second commit.
func TestUpdate_SomebodyElseDidIt(t *testing.T) {
	bare := newBare(t)
	slow, fast := open(t, options(bare)), open(t, options(bare))
	first := true
	got, err := slow.Update(t.Context(), func(ctx context.Context, root Tree) (Commit, error) {
		c, err := add("same")(ctx, root)
		if first {
			first = false
			if _, err := fast.Update(t.Context(), add("same")); err != nil {
				t.Fatal(err)
			}
			c.Message = "another commit than theirs"
		}
		return c, err
	})
	if err != nil || got.Changed || got.Attempts != 2 {
		t.Fatalf("Update = %+v, %v; want unchanged on the second attempt", got, err)
	}
	if n := git(t, bare, "rev-list", "--count", "main"); n != "2" {
		t.Errorf("%s commits, want 2", n)
	}
}

func TestUpdate_ManyWritersAllLand(t *testing.T) {
	bare := newBare(t)
	const writers = 4
	var wg sync.WaitGroup
	for i := range writers {
		r := open(t, options(bare))
		wg.Go(func() {
			if _, err := r.Update(t.Context(), add(fmt.Sprint("writer ", i))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if lines := strings.Count(git(t, bare, "show", "main:counter.txt"), "writer"); lines != writers {
		t.Errorf("%d of %d writers landed", lines, writers)
	}
}

func TestUpdate_FromACheckout(t *testing.T) {
	bare := newBare(t)
	checkout := filepath.Join(t.TempDir(), "infra")
	git(t, ".", "clone", "--quiet", bare, checkout)
	git(t, checkout, "remote", "set-url", "origin", relative(t, checkout, bare))

	// An untracked and a changed file of the user must survive.
	write(t, filepath.Join(checkout, "mine.txt"), "mine", 0o644)
	write(t, filepath.Join(checkout, "dir/run.sh"), "changed", 0o755)
	r := open(t, options(checkout))
	got, err := r.Update(t.Context(), add("a"))
	if err != nil || !got.Changed {
		t.Fatalf("Update = %+v, %v", got, err)
	}
	if head := git(t, checkout, "rev-parse", "HEAD"); head != got.Commit {
		t.Errorf("the checkout is at %s, want it brought forward to %s", head, got.Commit)
	}
	if text := read(t, filepath.Join(checkout, "dir/run.sh")); text != "changed" {
		t.Errorf("the user's change is gone: %q", text)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if list := git(t, checkout, "worktree", "list"); strings.Count(list, "\n") != 0 {
		t.Errorf("a worktree is left:\n%s", list)
	}
}

func relative(t *testing.T, from, to string) string {
	t.Helper()
	rel, err := filepath.Rel(from, to)
	if err != nil {
		t.Fatal(err)
	}
	return rel
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestUpdate_LocalCommit(t *testing.T) {
	bare := newBare(t)
	checkout := filepath.Join(t.TempDir(), "infra")
	git(t, ".", "clone", "--quiet", bare, checkout)
	o := options(checkout)
	o.Local = true
	got, err := open(t, o).Update(t.Context(), add("a"))
	if err != nil || !got.Changed || git(t, checkout, "rev-parse", "HEAD") != got.Commit {
		t.Fatalf("Update = %+v, %v", got, err)
	}
	if n := git(t, bare, "rev-list", "--count", "main"); n != "1" {
		t.Errorf("a local update was pushed")
	}
	write(t, filepath.Join(checkout, "counter.txt"), "work in progress", 0o644)
	if _, err := open(t, o).Update(t.Context(), add("b")); exit.Code(err) != exit.BadInput {
		t.Errorf("over uncommitted changes: %v, want bad input", err)
	}
}

func TestUpdate_RefusedByTheServer(t *testing.T) {
	bare := newBare(t)
	write(t, filepath.Join(bare, "hooks/pre-receive"), "#!/bin/sh\necho main is protected >&2\nexit 1\n", 0o755)
	_, err := open(t, options(bare)).Update(t.Context(), add("a"))
	if err == nil || !strings.Contains(err.Error(), "main is protected") || exit.Code(err) != exit.Failed {
		t.Errorf("err = %v", err)
	}
}

// A server that says yes and drops the commit must not end in success.
func TestUpdate_ProvesThatThePushLanded(t *testing.T) {
	bare := newBare(t)
	write(t, filepath.Join(bare, "hooks/post-receive"), "#!/bin/sh\nexec git update-ref refs/heads/main "+git(t, bare, "rev-parse", "main")+"\n", 0o755)
	_, err := open(t, options(bare)).Update(t.Context(), add("a"))
	if err == nil || !strings.Contains(err.Error(), "does not hold commit") {
		t.Errorf("err = %v", err)
	}
}

func TestUpdate_RefusesPaths(t *testing.T) {
	bare := newBare(t)
	clone := filepath.Join(t.TempDir(), "clone")
	git(t, ".", "clone", "--quiet", bare, clone)
	if err := errors.Join(os.Symlink("counter.txt", filepath.Join(clone, "link.txt")), os.Symlink("/tmp", filepath.Join(clone, "out"))); err != nil {
		t.Fatal(err)
	}
	git(t, clone, "add", ".")
	git(t, clone, "commit", "--quiet", "--message=links")
	git(t, clone, "push", "--quiet")
	r := open(t, options(bare))
	for _, path := range []string{"../x", "/etc/passwd", "link.txt", "out/x", ".git/config", ".GIT/config", "dir", "dir/../counter.txt", "nowhere/x"} {
		_, err := r.Update(t.Context(), func(context.Context, Tree) (Commit, error) {
			return Commit{Files: map[string][]byte{path: []byte("x")}, Message: "x"}, nil
		})
		if exit.Code(err) != exit.BadInput {
			t.Errorf("writing %q: %v, want bad input", path, err)
		}
	}
}

func TestOpen_BadInput(t *testing.T) {
	bare := newBare(t)
	empty := filepath.Join(t.TempDir(), "empty.git")
	git(t, ".", "init", "--quiet", "--bare", empty)
	for name, tc := range map[string]struct {
		change func(*Options)
		want   string
	}{
		"no repository":       {func(o *Options) { o.Repository = "" }, "name a directory or a URL"},
		"option":              {func(o *Options) { o.Repository = "--upload-pack=touch x" }, "cannot start with"},
		"helper":              {func(o *Options) { o.Repository = "ext::sh -c true" }, "neither a directory nor a URL"},
		"scheme":              {func(o *Options) { o.Repository = "ftp://host/x" }, "scheme must be"},
		"password":            {func(o *Options) { o.Repository = "https://me:secret@host/x" }, "https://***@host/x"},
		"missing directory":   {func(o *Options) { o.Repository = "/no/such/dir" }, "no such directory"},
		"no repository there": {func(o *Options) { o.Repository = t.TempDir() }, "not a Git repository"},
		"branch option":       {func(o *Options) { o.Branch = "--force" }, "cannot start with"},
		"branch name":         {func(o *Options) { o.Branch = "a..b" }, "cannot hold"},
		"author":              {func(o *Options) { o.Author = "nobody" }, "Name <address>"},
		"local bare":          {func(o *Options) { o.Local = true }, "not a checkout"},
		"empty repository":    {func(o *Options) { o.Repository = empty }, "no default branch"},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(bare)
			tc.change(&o)
			r, err := Open(t.Context(), o)
			if err == nil {
				r.Close()
			}
			if exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("err = %v, want bad input with %q", err, tc.want)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the error shows a password: %v", err)
			}
		})
	}
	o := options(bare)
	o.Branch = "nowhere"
	_, err := open(t, o).Update(t.Context(), add("a"))
	if exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), `branch "nowhere" does not exist`) {
		t.Errorf("err = %v", err)
	}
}

func TestOpen_OutOfTime(t *testing.T) {
	bare := newBare(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(exit.Inconclusivef("out of time"))
	if _, err := Open(ctx, options(bare)); exit.Code(err) != exit.Inconclusive {
		t.Errorf("err = %v, want the context's cause", err)
	}
	ctx, cancel = context.WithCancelCause(t.Context())
	_, err := open(t, options(bare)).Update(ctx, func(context.Context, Tree) (Commit, error) {
		cancel(exit.Inconclusivef("out of time"))
		return Commit{Files: map[string][]byte{"counter.txt": nil}, Message: "x"}, nil
	})
	if exit.Code(err) != exit.Inconclusive {
		t.Errorf("err = %v, want the context's cause", err)
	}
}

// recorder is a runner that remembers the arguments of what it ran.
type recorder struct {
	mu   sync.Mutex
	args []string
}

func (r *recorder) Run(ctx context.Context, c run.Cmd) (run.Result, error) {
	r.mu.Lock()
	r.args = append(r.args, c.String())
	r.mu.Unlock()
	return run.Exec{}.Run(ctx, c)
}

// Over HTTP, with git's own server: the token arrives, once, in place of what the
// checkout's configuration has, and stands in no argument list and no error.
func TestUpdate_TokenOverHTTP(t *testing.T) {
	bare := newBare(t)
	git(t, bare, "config", "http.receivepack", "true")
	const token = "ghs_s3cret"
	var wrong sync.Map
	backend := &cgi.Handler{
		Path: filepath.Join(git(t, ".", "--exec-path"), "git-http-backend"),
		Env:  []string{"GIT_PROJECT_ROOT=" + filepath.Dir(bare), "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=bot"},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		want := "Basic " + base64.StdEncoding.EncodeToString([]byte("x-access-token:"+token))
		if got := req.Header.Values("Authorization"); len(got) != 1 || got[0] != want {
			wrong.Store(fmt.Sprint(got), true)
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		backend.ServeHTTP(w, req)
	}))
	defer server.Close()

	rec := &recorder{}
	o := options(server.URL + "/infra.git")
	o.Token, o.Runner = token, rec
	got, err := open(t, o).Update(t.Context(), add("a"))
	if err != nil || git(t, bare, "rev-parse", "main") != got.Commit {
		t.Fatalf("Update = %+v, %v", got, err)
	}

	checkout := filepath.Join(t.TempDir(), "infra")
	git(t, ".", "clone", "--quiet", bare, checkout)
	git(t, checkout, "remote", "set-url", "origin", server.URL+"/infra.git")
	git(t, checkout, "config", "http."+server.URL+"/.extraheader", "AUTHORIZATION: basic b2xk")
	o.Repository = checkout
	if _, err := open(t, o).Update(t.Context(), add("b")); err != nil {
		t.Fatal(err)
	}
	wrong.Range(func(k, _ any) bool { t.Errorf("a request carried Authorization %v", k); return true })

	o.Token, o.Repository, o.Branch = "wrong-token", server.URL+"/infra.git", "main"
	_, err = open(t, o).Update(t.Context(), add("c"))
	if err == nil || strings.Contains(err.Error(), "wrong-token") {
		t.Errorf("err = %v", err)
	}
	if all := strings.Join(rec.args, "\n"); strings.Contains(all, token) || strings.Contains(all, base64.StdEncoding.EncodeToString([]byte("x-access-token:"+token))) {
		t.Errorf("an argument list shows the token:\n%s", all)
	}
}
