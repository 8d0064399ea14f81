package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/gitrepo/gittest"
	"github.com/buenhyden/hy-home/internal/run"
)

// seed is what the repositories of these tests hold on their branch main.
var seed = map[string]gittest.File{
	"counter.txt": {Mode: 0o100644, Text: "\n"},
	"dir/run.sh":  {Mode: 0o100755, Text: "#!/bin/sh\r\n"},
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
	bare := gittest.Bare(t, seed)
	r := open(t, options(bare))
	if r.Branch() != "main" {
		t.Errorf("Branch = %q, want the default branch", r.Branch())
	}
	got, err := r.Update(t.Context(), add("a"))
	if err != nil || !got.Changed || got.Attempts != 1 {
		t.Fatalf("Update = %+v, %v", got, err)
	}
	if head := gittest.Git(t, bare, "rev-parse", "main"); head != got.Commit {
		t.Errorf("main is at %s, want %s", head, got.Commit)
	}
	if log := gittest.Git(t, bare, "log", "-1", "--format=%an <%ae>|%B", "main"); log != "Bot <bot@example.com>|add a\n\n# body" {
		t.Errorf("commit: %s", log)
	}
	again, err := r.Update(t.Context(), add("a"))
	if err != nil || again.Changed || again.Commit != got.Commit {
		t.Errorf("second Update = %+v, %v; want unchanged", again, err)
	}
}

func TestUpdate_KeepsModeAndBytes(t *testing.T) {
	bare := gittest.Bare(t, seed)
	_, err := open(t, options(bare)).Update(t.Context(), func(context.Context, Tree) (Commit, error) {
		return Commit{Files: map[string][]byte{"dir/run.sh": []byte("#!/bin/sh\r\ntrue\r\n")}, Message: "x"}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := gittest.Git(t, bare, "ls-tree", "main", "dir/run.sh"); !strings.HasPrefix(got, "100755") {
		t.Errorf("mode: %s", got)
	}
	if got := gittest.Git(t, bare, "cat-file", "-s", "main:dir/run.sh"); got != "17" {
		t.Errorf("size %s, want 17", got)
	}
}

func TestUpdate_RefusedByTheServer(t *testing.T) {
	bare := gittest.Bare(t, seed)
	gittest.Hook(t, bare, "pre-receive", "echo main is protected >&2; exit 1")
	_, err := open(t, options(bare)).Update(t.Context(), add("a"))
	if err == nil || !strings.Contains(err.Error(), "main is protected") || exit.Code(err) != exit.Failed {
		t.Errorf("err = %v", err)
	}
}

// A server that says yes and drops the commit must not end in success.
func TestUpdate_ProvesThatThePushLanded(t *testing.T) {
	bare := gittest.Bare(t, seed)
	gittest.Hook(t, bare, "post-receive", "exec git update-ref refs/heads/main "+gittest.Git(t, bare, "rev-parse", "main"))
	_, err := open(t, options(bare)).Update(t.Context(), add("a"))
	if err == nil || !strings.Contains(err.Error(), "does not hold commit") {
		t.Errorf("err = %v", err)
	}
}

func TestUpdate_RefusesPaths(t *testing.T) {
	bare := gittest.Bare(t, seed)
	clone := gittest.Clone(t, bare)
	if err := errors.Join(os.Symlink("counter.txt", filepath.Join(clone, "link.txt")), os.Symlink("/tmp", filepath.Join(clone, "out"))); err != nil {
		t.Fatal(err)
	}
	gittest.Git(t, clone, "add", ".")
	gittest.Git(t, clone, "commit", "--quiet", "--message=links")
	gittest.Git(t, clone, "push", "--quiet")
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

// Where the machine's Git signs commits, ours are signed.
func TestUpdate_Signs(t *testing.T) {
	bare, key := gittest.Bare(t, seed), filepath.Join(t.TempDir(), "key")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
		t.Skipf("no key to sign with can be made here: %v: %s", err, out)
	}
	t.Setenv("GIT_CONFIG_COUNT", "3")
	for i, kv := range [][2]string{{"gpg.format", "ssh"}, {"user.signingkey", key}, {"commit.gpgsign", "yes"}} {
		t.Setenv(fmt.Sprint("GIT_CONFIG_KEY_", i), kv[0])
		t.Setenv(fmt.Sprint("GIT_CONFIG_VALUE_", i), kv[1])
	}
	got, err := open(t, options(bare)).Update(t.Context(), add("a"))
	if err != nil {
		t.Fatal(err)
	}
	commit := gittest.Git(t, bare, "cat-file", "commit", "main")
	if !strings.Contains(commit, "-----BEGIN SSH SIGNATURE-----") || !strings.HasSuffix(commit, "add a\n\n# body") || gittest.Git(t, bare, "rev-parse", "main") != got.Commit {
		t.Errorf("commit %s", commit)
	}
	if text := gittest.Git(t, bare, "show", "main:counter.txt"); text != "a" {
		t.Errorf("counter.txt = %q", text)
	}
}

// Closing what was opened and not used is no fault.
func TestClose_Unused(t *testing.T) {
	bare := gittest.Bare(t, seed)
	for _, repository := range []string{bare, gittest.Clone(t, bare)} {
		r, err := Open(t.Context(), options(repository))
		if err == nil {
			err = r.Close()
		}
		if err != nil {
			t.Error(err)
		}
	}
}
