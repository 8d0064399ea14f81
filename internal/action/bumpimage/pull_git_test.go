package bumpimage

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/buenhyden/hy-home/internal/forge/forgetest"
	"github.com/buenhyden/hy-home/internal/gitrepo/gittest"
	"github.com/buenhyden/hy-home/internal/run"
)

// enterprise is one host with GitHub's API and git's own server, of the same repository.
type enterprise struct {
	hub *forgetest.Server
	git *gittest.Server
	url string

	requests atomic.Int64
	before   atomic.Pointer[func(*http.Request)] // told of each request that has been counted
}

func newEnterprise(t *testing.T) *enterprise {
	files := infra(0)
	e := &enterprise{hub: forgetest.New(t, files), git: gittest.Serve(t, gittest.Bare(t, files))}
	e.hub.Enterprise = true
	// The API shows what Git has at each request, and Git loses the branches that the API deletes.
	e.hub.Fault = func(_ *forgetest.Request, after bool) (int, http.Header, string) {
		if after {
			e.prune(t)
		} else {
			e.show(t)
		}
		return 0, nil, ""
	}
	to := func(address string, cut string) http.Handler {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		quiet := log.New(io.Discard, "", 0) // it tells of clients that are killed, which is meant
		return &httputil.ReverseProxy{ErrorLog: quiet, Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(u)
			r.Out.URL.Path = strings.TrimPrefix(r.In.URL.Path, cut)
		}}
	}
	mux := http.NewServeMux()
	mux.Handle("/api/", to(e.hub.URL, ""))
	mux.Handle("/acme/infra.git/", to(strings.TrimSuffix(e.git.URL, "/infra.git"), "/acme"))
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.requests.Add(1)
		if before := e.before.Load(); before != nil {
			(*before)(r)
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(h.Close)
	e.url = h.URL
	return e
}

// at runs git in the repository, from a goroutine of a server, too.
func (e *enterprise) at(t *testing.T, args ...string) string {
	cmd := exec.Command("git", args...)
	cmd.Dir = e.git.Dir
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("git %q: %v", args, err)
	}
	return string(out)
}

func (e *enterprise) branches(t *testing.T) map[string]string {
	heads := map[string]string{}
	for line := range strings.Lines(e.at(t, "for-each-ref", "--format=%(refname:lstrip=2) %(objectname)", "refs/heads")) {
		branch, oid, _ := strings.Cut(strings.TrimSpace(line), " ")
		heads[branch] = oid
	}
	return heads
}

func (e *enterprise) show(t *testing.T) {
	e.hub.Refs = e.branches(t)
	for line := range strings.Lines(e.at(t, "log", "--all", "--reverse", "--format=%H %P")) {
		oid, parent, _ := strings.Cut(strings.TrimSpace(line), " ")
		if e.hub.Commits[oid] != nil {
			continue
		}
		c := &forgetest.Commit{OID: oid, Parent: parent, Message: e.at(t, "log", "-1", "--format=%B", oid), Files: map[string]forgetest.File{}}
		for name := range strings.Lines(e.at(t, "ls-tree", "-r", "--name-only", oid)) {
			name = strings.TrimSpace(name)
			c.Files[name] = forgetest.File{Mode: 0o100644, Text: e.at(t, "cat-file", "blob", oid+":"+name)}
		}
		e.hub.Commits[oid] = c
	}
}

func (e *enterprise) prune(t *testing.T) {
	for branch := range e.branches(t) {
		if _, there := e.hub.Refs[branch]; !there {
			e.at(t, "update-ref", "-d", "refs/heads/"+branch)
		}
	}
}

// others commits a file on a branch, as somebody else would.
func (e *enterprise) others(t *testing.T, branch, name string) (oid string) {
	blob := exec.Command("git", "hash-object", "-w", "--stdin")
	blob.Dir, blob.Stdin = e.git.Dir, strings.NewReader("theirs\n")
	out, err := blob.Output()
	if err != nil {
		t.Errorf("git hash-object: %v", err)
	}
	entries := e.at(t, "ls-tree", branch) + "100644 blob " + strings.TrimSpace(string(out)) + "\t" + name + "\n"
	tree := exec.Command("git", "mktree")
	tree.Dir, tree.Stdin = e.git.Dir, strings.NewReader(entries)
	if out, err = tree.Output(); err != nil {
		t.Errorf("git mktree: %v", err)
	}
	oid = strings.TrimSpace(e.at(t, "commit-tree", "-p", branch, "-m", "a person's", strings.TrimSpace(string(out))))
	e.at(t, "update-ref", "refs/heads/"+branch, oid)
	return oid
}

func (e *enterprise) options(images ...string) Options {
	o := apiOptions(e.hub, images...)
	o.Repository, o.API, o.Backend, o.Mode, o.Runner = e.url+"/acme/infra.git", e.url+"/api/v3", Git, PullRequest, run.Exec{}
	return o
}

// history are the subjects of a branch, newest first.
func (e *enterprise) history(t *testing.T, branch string) []string {
	return strings.Split(strings.TrimSpace(e.at(t, "log", "--format=%s", branch)), "\n")
}

// The whole life of a pull request whose branch Git pushes.
func TestGit_PullRequest(t *testing.T) {
	e := newEnterprise(t)
	image := func(branch string) string { return tagIn(e.at(t, "show", branch+":"+devFile)) }
	res := mustRun(t, e.options("reg.example/app:v2"))
	branch := res.Branch
	if res.Operation != "created" || res.Number != 1 || !res.Verified || res.Commit != e.branches(t)[branch] || image(branch) != "v2" || image("main") != "v1" {
		t.Fatalf("created: %+v", res)
	}
	p := e.hub.Pulls[0]
	if p.Head != branch || p.Base != "main" || !strings.Contains(p.Title, "app:v2") || !strings.Contains(p.Body, "+      - image: reg.example/app:v2") {
		t.Errorf("pull request %+v", p)
	}
	if res := mustRun(t, e.options("reg.example/app:v2")); res.Changed || res.Operation != "none" || res.Number != 1 {
		t.Errorf("again: %+v", res)
	}

	// A newer image on a base that moved: the same request, one commit, on the new base.
	e.others(t, "main", "README.md")
	res = mustRun(t, e.options("reg.example/app:v3"))
	if h := e.history(t, branch); res.Operation != "updated" || res.Number != 1 || len(h) != 3 || h[1] != "a person's" || image(branch) != "v3" || !strings.Contains(p.Title, "app:v3") {
		t.Errorf("updated: %+v, history %q, title %q", res, h, p.Title)
	}

	// The base catches up: closed, and the branch is gone.
	push := e.options("reg.example/app:v3")
	push.Mode = Push
	if res := mustRun(t, push); res.Operation != "pushed" || image("main") != "v3" {
		t.Errorf("push: %+v", res)
	}
	res = mustRun(t, e.options("reg.example/app:v3"))
	if _, there := e.branches(t)[branch]; res.Operation != "closed" || p.State != "CLOSED" || there {
		t.Errorf("closed: %+v, pull request %+v, branch there: %t", res, p, there)
	}
	// And the next one is another request on the same branch.
	if res = mustRun(t, e.options("reg.example/app:v4")); res.Operation != "created" || res.Number != 2 || res.Branch != branch || image(branch) != "v4" {
		t.Errorf("created again: %+v", res)
	}
}

// What a person has on the branch stays: what was there before, what comes at the moment of
// the push, and what is there when the base catches up.
func TestGit_PullRequestWithOthersCommits(t *testing.T) {
	e := newEnterprise(t)
	branch := mustRun(t, e.options("reg.example/app:v2")).Branch
	first := e.others(t, branch, "NOTES.md")
	second := make(chan string, 1)
	late := sync.OnceFunc(func() { second <- e.others(t, branch, "LATE.md") })
	e.before.Store(new(func(r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/git-receive-pack") {
			late()
		}
	}))
	res := mustRun(t, e.options("reg.example/app:v3"))
	line := strings.Fields(e.at(t, "rev-list", branch))
	if res.Operation != "updated" || res.Attempts != 2 || len(line) != 5 || !slices.Equal(line[1:3], []string{<-second, first}) || tagIn(e.at(t, "show", branch+":"+devFile)) != "v3" {
		t.Errorf("%+v, history %q", res, e.history(t, branch))
	}
	if len(res.Warnings) == 0 || !strings.Contains(res.Warnings[0], "commits of others: the change is added to them") {
		t.Errorf("warnings %q", res.Warnings)
	}
	push := e.options("reg.example/app:v3")
	push.Mode = Push
	mustRun(t, push)
	before := e.branches(t)[branch]
	if res := mustRun(t, e.options("reg.example/app:v3")); res.Operation != "none" || e.branches(t)[branch] != before || e.hub.Pulls[0].State != "OPEN" {
		t.Errorf("%+v", res)
	}
}

// Wherever it is killed, of Git's requests and the API's: the base is as it was, the branch has
// the whole commit or is not there, and another run ends as if nothing had been.
func TestGit_PullRequestKilledAtAnyRequest(t *testing.T) {
	for n := int64(1); n <= 11; n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			e := newEnterprise(t)
			ctx, kill := context.WithCancel(t.Context())
			defer kill()
			e.before.Store(new(func(*http.Request) {
				if e.requests.Load() == n {
					kill()
				}
			}))
			_, _ = Run(ctx, e.options("reg.example/app:v2"))
			if now := e.requests.Load(); now < n {
				t.Fatalf("there are %d requests", now)
			}
			e.at(t, "fsck", "--strict")
			for branch := range e.branches(t) {
				if tag := tagIn(e.at(t, "show", branch+":"+devFile)); tag != map[bool]string{true: "v1", false: "v2"}[branch == "main"] {
					t.Fatalf("%s is between: %q", branch, tag)
				}
			}
			res := mustRun(t, e.options("reg.example/app:v2"))
			if h := e.history(t, res.Branch); len(h) != 2 || len(e.hub.Pulls) != 1 || e.hub.Pulls[0].State != "OPEN" || res.Number != 1 {
				t.Errorf("%+v, history %q, pull requests %+v", res, h, e.hub.Pulls)
			}
		})
	}
}
