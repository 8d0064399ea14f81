package builder

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/buenhyden/hy-home/testbed/buildkit"
	"github.com/buenhyden/hy-home/testbed/servers"
)

// gitServer serves a repository with a directory sub, and returns its URL.
func gitServer(t *testing.T) string {
	t.Helper()
	base := t.TempDir()
	repo := filepath.Join(base, "repo")
	if err := os.MkdirAll(filepath.Join(repo, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(repo, "sub", "Dockerfile"), "FROM scratch\nCOPY here /from-git\n")
	write(t, filepath.Join(repo, "sub", "here"), "here")
	for _, args := range [][]string{{"init", "--quiet", "--initial-branch=main"}, {"add", "."}, {"-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "--quiet", "-m", "x"}} {
		cmd := exec.Command("git", args...)
		cmd.Dir = repo
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %q: %v: %s", args, err, out)
		}
	}
	port := servers.Port(t)
	where, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		t.Fatal(err)
	}
	// Not "git daemon": that one would be left behind by its parent's end.
	daemon := exec.Command(filepath.Join(strings.TrimSpace(string(where)), "git-daemon"), "--reuseaddr", "--listen="+servers.Host, fmt.Sprint("--port=", port), "--export-all", "--base-path="+base, base)
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = daemon.Process.Kill(); _ = daemon.Wait() })
	at := net.JoinHostPort(servers.Host, fmt.Sprint(port))
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) { // it listens when it is ready
		if c, err := net.Dial("tcp", at); err == nil {
			c.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("git daemon does not listen")
		}
	}
	return "git://" + at + "/repo"
}

func TestBed_ContextFromGit(t *testing.T) {
	bed := buildkit.New(t)
	bed.Start(t)
	url := gitServer(t)
	for _, c := range []struct{ context, inline, path, want string }{
		{url + "#main:sub", "", "from-git", "here"},
		{url + "#main", "FROM scratch\n\nCOPY sub/here /inline\n", "inline", "here"},
	} {
		b := newBedBuild(t, bed, nil)
		b.o.Context, b.o.Dockerfile = c.context, c.inline
		b.build(t)
		ref, err := name.ParseReference(b.o.Refs[0])
		if err != nil {
			t.Fatal(err)
		}
		image, err := remote.Image(ref)
		if err != nil {
			t.Fatal(err)
		}
		if got := file(t, image, c.path); got != c.want {
			t.Errorf("%s: %s is %q, want %q", c.context, c.path, got, c.want)
		}
	}
}
