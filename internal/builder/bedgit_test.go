package builder

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/buenhyden/hy-home/internal/gitrepo/gittest"
	"github.com/buenhyden/hy-home/internal/run"
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
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) { // it listens when it is ready
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

// BuildKit fetches a private repository with a token that is in no place where others
// look; without it there is no build.
func TestBed_ContextFromAPrivateRepository(t *testing.T) {
	bed := buildkit.New(t)
	root := bed.Start(t)
	const token = "Zq7-git-token-4715"
	basic := base64.StdEncoding.EncodeToString([]byte("x-access-token:" + token))
	server := gittest.Serve(t, gittest.Bare(t, map[string]gittest.File{"Dockerfile": {Text: "FROM scratch\nCOPY here /\n", Mode: 0o644}, "here": {Text: "here", Mode: 0o644}}))
	server.Before = func(r *http.Request) int {
		if !strings.EqualFold(r.Header.Get("Authorization"), "Basic "+basic) { // git writes it in lower case
			return http.StatusUnauthorized
		}
		return 0
	}
	b := newBedBuild(t, bed, nil)
	b.o.Context, b.o.Provenance = server.URL+"#main", "mode=max"
	if _, err := Build(t.Context(), run.Exec{}, b.tool, b.o); err == nil {
		t.Fatal("built without the token: the test cannot tell")
	}
	at, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	b.o.Secrets = []Secret{{ID: "GIT_AUTH_TOKEN." + at.Host, Value: token}} // for this server alone, with its port
	img := b.build(t)
	places := map[string][]byte{"the log": b.log.Bytes(), "argument lists": bed.Calls(t), "metadata": img.Metadata}
	readAll(t, root, places)
	for digest, blob := range blobs(t, b.o.Refs[0]) {
		places["blob "+digest] = blob
	}
	for where, text := range places {
		for _, form := range []string{token, basic} {
			if bytes.Contains(text, []byte(form)) {
				t.Errorf("the token is in %s", where)
			}
		}
	}
}
