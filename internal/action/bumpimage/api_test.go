package bumpimage

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/forge"
	"github.com/buenhyden/hy-home/internal/forge/forgetest"
	"github.com/buenhyden/hy-home/internal/run"
)

// infra is an overlay over a base, with n files of others beside it.
func infra(n int) map[string]forgetest.File {
	files := map[string]forgetest.File{
		"apps/shop/overlays/dev/kustomization.yaml": {Mode: 0o100644, Text: "resources:\n- ../../base\nimages:\n- name: reg.example/app\n  newTag: v1 # deployed\n"},
		"apps/shop/base/kustomization.yaml":         {Mode: 0o100644, Text: "resources: [app.yaml]\n"},
		"apps/shop/base/app.yaml": {Mode: 0o100644, Text: `apiVersion: apps/v1
kind: Deployment
metadata: {name: app}
spec: {template: {spec: {containers: [{name: app, image: reg.example/app}, {name: web, image: "reg.example/web:v1"}]}}}
`},
	}
	for i := range n {
		files[fmt.Sprintf("others/%d/%d.yaml", i/50, i)] = forgetest.File{Mode: 0o100644, Text: fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c%d}\ndata: {text: %q}\n", i, strings.Repeat("x", 400+i%100))}
	}
	return files
}

const (
	devOverlay = "apps/shop/overlays/dev"
	devFile    = devOverlay + "/kustomization.yaml"
)

func apiOptions(s *forgetest.Server, images ...string) Options {
	return Options{
		Repository: forgetest.Repository, Paths: []string{devOverlay}, Images: images, Mode: Push, Backend: Auto,
		API: s.URL, Token: forgetest.Token, Author: "Bot <bot@example.com>", Runner: &run.Fake{},
	}
}

func mustRun(t testing.TB, o Options) Result {
	t.Helper()
	res, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestAPI_PushInFewRequests(t *testing.T) {
	for name, tc := range map[string]struct {
		change   func(*Options)
		requests int
	}{
		"without proof": {func(o *Options) { o.Blind = true }, 2},
		"with proof":    {func(*Options) {}, 2}, // the base is guessed
		"a base that cannot be guessed": {func(o *Options) {
			o.Paths = []string{"far/overlay"}
		}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			files := infra(0)
			files["far/overlay/kustomization.yaml"] = forgetest.File{Mode: 0o100644, Text: "resources: [../middle]\n"}
			files["far/middle/kustomization.yaml"] = forgetest.File{Mode: 0o100644, Text: "resources: [../../apps/shop/base]\n"}
			s := forgetest.New(t, files)
			o := apiOptions(s, "reg.example/app:v2")
			tc.change(&o)
			res := mustRun(t, o)
			if !res.Changed || res.Operation != "pushed" || res.Verified == o.Blind || res.Commit != s.Refs["main"] || len(s.History("main")) != 2 {
				t.Errorf("Result = %+v", res)
			}
			if len(s.Requests) != tc.requests {
				t.Errorf("%d requests, want %d", len(s.Requests), tc.requests)
			}
			s.Reset()
			if res := mustRun(t, o); res.Changed || res.Operation != "none" {
				t.Errorf("second Result = %+v", res)
			}
			if want := tc.requests - 1; len(s.Requests) > want {
				t.Errorf("%d requests to do nothing, want %d", len(s.Requests), want)
			}
		})
	}
}

func TestAPI_ChangesOnlyTheBytes(t *testing.T) {
	s := forgetest.New(t, infra(0))
	mustRun(t, apiOptions(s, "reg.example/app:v2"))
	if got, want := s.Text("main", devFile), "resources:\n- ../../base\nimages:\n- name: reg.example/app\n  newTag: v2 # deployed\n"; got != want {
		t.Errorf("file:\n%s", got)
	}
}

func TestAPI_KeepsModesByTheGitDataAPI(t *testing.T) {
	files := infra(0)
	f := files[devFile]
	f.Mode = 0o100755
	files[devFile] = f
	s := forgetest.New(t, files)
	res := mustRun(t, apiOptions(s, "reg.example/app:v2"))
	if got := s.Commits[res.Commit].Files[devFile]; got.Mode != 0o100755 || !strings.Contains(got.Text, "v2") || s.Refs["main"] != res.Commit {
		t.Errorf("file %+v", got)
	}
}

func TestAPI_RefusesLinks(t *testing.T) {
	files := infra(0)
	files["apps/link"] = forgetest.File{Mode: 0o120000, Text: "shop/overlays/dev"}
	s := forgetest.New(t, files)
	o := apiOptions(s, "reg.example/app:v2")
	o.Paths = []string{"apps/link"}
	if _, err := Run(t.Context(), o); exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), "symbolic link") {
		t.Errorf("err = %v", err)
	}
}

func TestAPI_Patterns(t *testing.T) {
	files := infra(0)
	files["apps/other/overlays/dev/kustomization.yaml"] = forgetest.File{Mode: 0o100644, Text: "configMapGenerator: [{name: x, literals: [a=b]}]\n"}
	s := forgetest.New(t, files)
	o := apiOptions(s, "reg.example/app:v2")
	o.Paths = []string{"apps/*/overlays/dev"}
	if res := mustRun(t, o); !slices.Equal(res.Files, []string{devFile}) {
		t.Errorf("files %q", res.Files)
	}
}

// A commit that comes first, with the same file and with another.
func TestAPI_AppliesTheIntentAgain(t *testing.T) {
	s := forgetest.New(t, infra(0))
	once := sync.OnceFunc(func() {
		s.Refs["main"] = pushLocked(s, "reg.example/web:v9")
	})
	s.Fault = func(r *forgetest.Request, after bool) (int, http.Header, string) {
		if !after && strings.Contains(r.Body, "createCommitOnBranch") {
			once()
		}
		return 0, nil, ""
	}
	res := mustRun(t, apiOptions(s, "reg.example/app:v2"))
	text := s.Text("main", devFile)
	if res.Attempts != 2 || !strings.Contains(text, "newTag: v2 # deployed") || !strings.Contains(text, "# of others") {
		t.Errorf("%d attempts:\n%s", res.Attempts, text)
	}
}

// pushLocked adds a line to the overlay while a request is on its way.
func pushLocked(s *forgetest.Server, _ string) string {
	head := s.Commits[s.Refs["main"]]
	files := map[string]forgetest.File{}
	for name, f := range head.Files {
		files[name] = f
	}
	f := files[devFile]
	f.Text += "# of others\n"
	files[devFile] = f
	oid := strings.Repeat("a", 40)
	s.Commits[oid] = &forgetest.Commit{OID: oid, Message: "others", Parent: head.OID, Files: files}
	return oid
}

func TestAPI_FaultsOfGitHub(t *testing.T) {
	quick := func(status int, header http.Header, body string) func(*forgetest.Request, bool) (int, http.Header, string) {
		return func(r *forgetest.Request, after bool) (int, http.Header, string) {
			if r.N == 2 && !after {
				return status, header, body
			}
			return 0, nil, ""
		}
	}
	for name, tc := range map[string]struct {
		setup func(*forgetest.Server)
		want  string // of the error; "" is success
	}{
		"secondary limit": {func(s *forgetest.Server) { s.Fault = quick(403, http.Header{"Retry-After": {"0"}}, "{}") }, ""},
		"rate in GraphQL": {func(s *forgetest.Server) {
			s.Fault = quick(200, nil, `{"errors":[{"type":"RATE_LIMITED","message":"API rate limit exceeded"}]}`)
		}, ""},
		"bad gateway":   {func(s *forgetest.Server) { s.Fault = quick(502, nil, "<html>") }, ""},
		"stale answers": {func(s *forgetest.Server) { s.Stale = true }, ""},
		"stale head twice": {func(s *forgetest.Server) {
			s.Fault = quick(200, nil, `{"errors":[{"message":"Expected branch to point to \"x\" but it did not."}]}`)
		}, ""},
		"protected branch": {func(s *forgetest.Server) { s.Locked = true }, "Required status check"},
		"no permission": {func(s *forgetest.Server) {
			s.Fault = quick(403, nil, `{"message":"Resource not accessible by integration"}`)
		}, "Resource not accessible"},
		"unknown branch": {nil, `branch "nowhere" does not exist`},
		"unknown token":  {nil, "does not know the token"},
		"no such place":  {nil, "is not there, or the token may not read it"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := forgetest.New(t, infra(0))
			if tc.setup != nil {
				tc.setup(s)
			}
			o := apiOptions(s, "reg.example/app:v2")
			switch name {
			case "unknown branch":
				o.Branch = "nowhere"
			case "unknown token":
				o.Token = "ghs_other"
			case "no such place":
				o.Repository = "acme/nothing"
			}
			res, err := Run(t.Context(), o)
			if tc.want == "" {
				if err != nil || len(s.History("main")) != 2 || !res.Verified {
					t.Errorf("Run = %+v, %v; history %q", res, err, s.History("main"))
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), o.Token) || len(s.History("main")) != 1 {
				t.Errorf("err = %v, want %q", err, tc.want)
			}
		})
	}
}

// Wherever it is killed, before or after the server did its work, the repository is as
// before or as after, and another run ends as if nothing had been.
func TestAPI_KilledAtAnyRequest(t *testing.T) {
	for _, mode := range []string{Push, PullRequest} {
		for n := 1; n <= 5; n++ {
			for _, after := range []bool{false, true} {
				t.Run(fmt.Sprint(mode, n, after), func(t *testing.T) {
					t.Parallel()
					s := forgetest.New(t, infra(0))
					ctx, kill := context.WithCancel(t.Context())
					s.Fault = func(r *forgetest.Request, done bool) (int, http.Header, string) {
						if r.N == n && done == after {
							kill()
							return 500, nil, "{}"
						}
						return 0, nil, ""
					}
					o := apiOptions(s, "reg.example/app:v2")
					o.Mode = mode
					o.Pull.Labels = []string{"bump"}
					_, _ = Run(ctx, o)
					if h := len(s.History("main")); h > 2 || mode == PullRequest && h != 1 {
						t.Fatalf("history %q", s.History("main"))
					}
					s.Fault = nil
					mustRun(t, o)
					branch := "main"
					if mode == PullRequest {
						if len(s.Pulls) != 1 {
							t.Fatalf("%d pull requests", len(s.Pulls))
						}
						branch = s.Pulls[0].Head
					}
					if got := s.History(branch); len(got) != 2 || !strings.Contains(s.Text(branch, devFile), "newTag: v2") {
						t.Errorf("history of %s: %q", branch, got)
					}
				})
			}
		}
	}
}

func TestAPI_Superseded(t *testing.T) {
	s := forgetest.New(t, infra(0))
	older, newer := "a"+strings.Repeat("1", 39), "b"+strings.Repeat("2", 39)
	s.Source = []string{older, newer}
	o := apiOptions(s, "reg.example/app:"+newer)
	o.Source = Source{Repository: "acme/app", Commit: newer, Token: forgetest.Token}
	mustRun(t, o)
	o.Images, o.Source.Commit = []string{"reg.example/app:" + older}, older
	res := mustRun(t, o)
	if res.Changed || res.Operation != "superseded" || len(res.Warnings) != 1 || len(s.History("main")) != 2 {
		t.Errorf("Result = %+v", res)
	}
	o.Downgrade = true
	if res := mustRun(t, o); !res.Changed || res.Operation != "pushed" {
		t.Errorf("Result = %+v", res)
	}
}

func TestAPI_PullRequest(t *testing.T) {
	s := forgetest.New(t, infra(0))
	o := apiOptions(s, "reg.example/app:v2")
	o.Mode = PullRequest
	o.Pull = Pull{Draft: true, Extras: forge.Extras{Labels: []string{"bump"}, Reviewers: []string{"ann", "ghost"}, TeamReviewers: []string{"ops"}, Assignees: []string{"bob"}}}
	res := mustRun(t, o)
	if res.Operation != "created" || res.Number != 1 || !strings.HasPrefix(res.Branch, "chore/bump-app-apps-shop-overlays-dev-") || len(s.Requests) > 5 {
		t.Errorf("Result = %+v after %d requests", res, len(s.Requests))
	}
	p := s.Pulls[0]
	if !p.Draft || p.Title != devOverlay+": run app:v2" || !slices.Equal(p.Extras, []string{"L_bump", "U_ann", "T_ops", "U_bob"}) ||
		!strings.Contains(p.Body, "- from `reg.example/app:v1`\n- to `reg.example/app:v2`\n") || !strings.Contains(p.Body, "+      - image: reg.example/app:v2") {
		t.Errorf("pull request %+v", p)
	}
	if len(res.Warnings) != 1 || !strings.Contains(res.Warnings[0], `"ghost"`) {
		t.Errorf("warnings %q", res.Warnings)
	}

	// Again: nothing. A newer image: the same pull request, one commit, on the new base.
	if res := mustRun(t, o); res.Changed || res.Operation != "none" || res.Number != 1 {
		t.Errorf("again: %+v", res)
	}
	s.Push("main", "others", map[string]string{"README.md": "hello\n"})
	o.Images = []string{"reg.example/app:v3"}
	res = mustRun(t, o)
	if h := s.History(res.Branch); res.Operation != "updated" || len(s.Pulls) != 1 || len(h) != 3 || h[1] != "others" || !strings.Contains(s.Text(res.Branch, devFile), "v3") {
		t.Errorf("update: %+v, history %q", res, h)
	}
	if !strings.Contains(p.Title, "app:v3") {
		t.Errorf("title %q", p.Title)
	}

	// A person's commit on the branch stays.
	s.Push(res.Branch, "a person's", map[string]string{"NOTES.md": "mine\n"})
	o.Images = []string{"reg.example/app:v4"}
	res = mustRun(t, o)
	if h := s.History(res.Branch); res.Operation != "updated" || h[1] != "a person's" || s.Text(res.Branch, "NOTES.md") != "mine\n" || !strings.Contains(s.Text(res.Branch, devFile), "v4") {
		t.Errorf("with a person's commit: %+v, history %q", res, h)
	}
}

func TestAPI_PullRequestIsClosedWhenTheBaseCatchesUp(t *testing.T) {
	s := forgetest.New(t, infra(0))
	o := apiOptions(s, "reg.example/app:v2")
	o.Mode = PullRequest
	branch := mustRun(t, o).Branch
	push := apiOptions(s, "reg.example/app:v2")
	mustRun(t, push)
	res := mustRun(t, o)
	if res.Operation != "closed" || s.Pulls[0].State != "CLOSED" || s.Refs[branch] != "" {
		t.Errorf("Result = %+v, pull request %+v", res, s.Pulls[0])
	}
	s.Reset()
	if res := mustRun(t, o); res.Operation != "none" || len(s.Requests) != 1 {
		t.Errorf("Result = %+v after %d requests", res, len(s.Requests))
	}
}

func TestAPI_AutoMergeFallsBackToAMerge(t *testing.T) {
	s := forgetest.New(t, infra(0))
	o := apiOptions(s, "reg.example/app:v2")
	o.Mode, o.Pull.AutoMerge, o.Pull.Labels = PullRequest, "SQUASH", []string{"new label"}
	res := mustRun(t, o)
	if !res.Merged || s.Pulls[0].State != "MERGED" || len(res.Warnings) != 0 || !slices.Equal(s.Pulls[0].Extras, []string{"new label"}) {
		t.Errorf("Result = %+v, %+v", res, s.Pulls[0])
	}
}

func TestAPI_NoteAtTheSource(t *testing.T) {
	s := forgetest.New(t, infra(0))
	o := apiOptions(s, "reg.example/app:v2")
	o.Source = Source{Repository: "acme/app", Commit: strings.Repeat("c", 40), Token: forgetest.Token, Note: "check"}
	mustRun(t, o)
	if len(s.Comments) != 1 || !strings.Contains(s.Comments[0], "reg.example/app:v2") {
		t.Errorf("comments %q", s.Comments)
	}
	if h := s.History("main")[0]; !strings.Contains(h, "Source-Commit: acme/app@cccc") {
		t.Errorf("message %q", h)
	}
}

// fiveApps are overlays that share the images c0, c1, ...: kustomize's time grows with the
// square of the images in one place, and few have more than five there.
func fiveApps(images int) map[string]forgetest.File {
	files := map[string]forgetest.File{}
	for app := range 5 {
		var containers, entries strings.Builder
		for i := app; i < images; i += 5 {
			fmt.Fprintf(&containers, "{name: c%d, image: reg.example/c%d}, ", i, i)
			fmt.Fprintf(&entries, "- name: reg.example/c%d\n  newTag: v1\n", i)
		}
		dir := fmt.Sprintf("apps/%d/", app)
		for name, text := range map[string]string{
			"overlays/dev/kustomization.yaml": "resources: [../../base]\nimages:\n" + entries.String(),
			"base/kustomization.yaml":         "resources: [app.yaml]\n",
			"base/app.yaml":                   "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [" + containers.String() + "]}\n",
		} {
			files[dir+name] = forgetest.File{Mode: 0o100644, Text: text}
		}
	}
	return files
}

// Fifty writers, different images and the same, 20 ms away from the server: each lands
// or is superseded, once, on one line of history.
func TestAPI_FiftyWriters(t *testing.T) {
	const writers = 50
	files := fiveApps(writers / 2)
	s := forgetest.New(t, files)
	s.Latency = 20 * time.Millisecond
	commit := func(n int) string { return fmt.Sprintf("a%039d", n) }
	for i := range writers {
		s.Source = append(s.Source, commit(i))
	}
	results := make([]Result, writers)
	start := time.Now()
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() { // two writers an image, the even one older
			o := apiOptions(s, fmt.Sprintf("reg.example/c%d:%s", i/2, commit(i)))
			o.Paths = []string{fmt.Sprintf("apps/%d/overlays/dev", i/2%5)}
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
		switch {
		case r.Changed:
			landed++
		case r.Operation != "superseded" || i%2 != 0:
			t.Errorf("writer %d: %+v", i, r)
		}
	}
	for i := 1; i < writers; i += 2 {
		if text := s.Text("main", fmt.Sprintf("apps/%d/overlays/dev/kustomization.yaml", i/2%5)); !strings.Contains(text, commit(i)) {
			t.Errorf("writer %d is lost", i)
		}
	}
	if h := s.History("main"); len(h) != landed+1 {
		t.Errorf("%d commits for %d that landed", len(h)-1, landed)
	}
	t.Logf("%d writers: %d landed, %d superseded, %d attempts, %d requests, %s", writers, landed, writers-landed, attempts, len(s.Requests), took.Round(time.Millisecond))
	if took > 30*time.Second {
		t.Errorf("took %s", took)
	}
}
