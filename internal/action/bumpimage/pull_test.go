package bumpimage

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/forge"
	"github.com/buenhyden/hy-home/internal/forge/forgetest"
	"github.com/buenhyden/hy-home/internal/kustomize"
)

func TestAPI_PullRequest(t *testing.T) {
	s := forgetest.New(t, infra(0))
	o := apiOptions(s, "reg.example/app:v2")
	o.Mode = PullRequest
	o.Pull = Pull{Draft: true, Extras: forge.Extras{Labels: []string{"bump"}, Reviewers: []string{"ann", "ghost"}, TeamReviewers: []string{"ops"}, Assignees: []string{"bob"}, Milestone: 1}}
	res := mustRun(t, o)
	if res.Operation != "created" || res.Number != 1 || !strings.HasPrefix(res.Branch, "chore/bump-app-apps-shop-overlays-dev-") || len(s.Requests) > 3 {
		t.Errorf("Result = %+v after %d requests", res, len(s.Requests))
	}
	p := s.Pulls[0]
	if !p.Draft || p.Title != devOverlay+": run app:v2" || !slices.Equal(p.Extras, []string{"L_bump", "U_ann", "T_ops", "U_bob", "M_1"}) ||
		!strings.Contains(p.Body, "- from `reg.example/app:v1`\n- to `reg.example/app:v2`\n") || !strings.Contains(p.Body, "+      - image: reg.example/app:v2") {
		t.Errorf("pull request %+v", p)
	}
	if len(res.Warnings) != 1 || !strings.Contains(res.Warnings[0], `"ghost"`) {
		t.Errorf("warnings %q", res.Warnings)
	}

	// Again: nothing. A newer image: the same pull request, one commit, on the new base.
	s.Reset()
	if res := mustRun(t, o); res.Changed || res.Operation != "none" || res.Number != 1 || len(s.Requests) != 1 {
		t.Errorf("again: %+v after %d requests", res, len(s.Requests))
	}
	s.Push("main", "others", map[string]string{"README.md": "hello\n"})
	o.Images = []string{"reg.example/app:v3"}
	s.Reset()
	res = mustRun(t, o)
	if n := len(s.Requests); n > 4 {
		t.Errorf("%d requests to update it on a base that moved", n)
	}
	if h := s.History(res.Branch); res.Operation != "updated" || len(s.Pulls) != 1 || len(h) != 3 || h[1] != "others" || !strings.Contains(s.Text(res.Branch, devFile), "v3") {
		t.Errorf("update: %+v, history %q", res, h)
	}
	if !strings.Contains(p.Title, "app:v3") {
		t.Errorf("title %q", p.Title)
	}

	o.Images = []string{"reg.example/app:v3.1"}
	s.Reset()
	if res := mustRun(t, o); res.Operation != "updated" || len(s.Requests) > 4 || len(s.History(res.Branch)) != 3 {
		t.Errorf("%+v after %d requests on a base that did not move", res, len(s.Requests))
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

// The base has the images, but a person has worked on the branch: it is theirs now.
func TestAPI_PullRequestWithOthersCommitsIsNotClosed(t *testing.T) {
	s := forgetest.New(t, infra(0))
	o := apiOptions(s, "reg.example/app:v2")
	o.Mode = PullRequest
	branch := mustRun(t, o).Branch
	person := s.Push(branch, "a person's", map[string]string{"NOTES.md": "mine\n"})
	mustRun(t, apiOptions(s, "reg.example/app:v2"))
	res := mustRun(t, o)
	if res.Operation != "none" || s.Pulls[0].State != "OPEN" || s.Refs[branch] != person || len(res.Warnings) != 1 || !strings.Contains(res.Warnings[0], "commits of others and is left alone") {
		t.Errorf("Result = %+v, pull request %+v", res, s.Pulls[0])
	}
}

// Title and body say from what to what, what is new in the source, which run built it, and
// hold the diff, of the files where nothing is rendered; a long one is cut at a line.
func TestAPI_PullRequestBody(t *testing.T) {
	older, newer := strings.Repeat("1", 40), strings.Repeat("2", 40)
	files := infra(0)
	f := files[devFile]
	f.Text = strings.Replace(f.Text, "v1 #", "\""+older+"\" #", 1)
	files[devFile] = f
	s := forgetest.New(t, files)
	s.Source = []string{older, newer}
	o := apiOptions(s, "reg.example/app:"+newer)
	o.Mode = PullRequest
	o.Source = Source{Repository: "acme/app", Commit: newer, Token: forgetest.Token, RunURL: "https://github.com/acme/app/actions/runs/7"}
	mustRun(t, o)
	host := strings.TrimPrefix(s.URL, "http://")
	for _, want := range []string{
		"- from `reg.example/app:" + older + "`\n- to `reg.example/app:" + newer + "`\n",
		"\n[What is new](https://" + host + "/acme/app/compare/" + older + "..." + newer + ")\n",
		"\nBuilt by [this run](https://github.com/acme/app/actions/runs/7).\n",
		"<details><summary>What changes in the manifests</summary>\n\n```diff\n",
		"\n-      - image: reg.example/app:" + older + "\n",
	} {
		if !strings.Contains(s.Pulls[0].Body, want) {
			t.Errorf("no %q in\n%s", want, s.Pulls[0].Body)
		}
	}
	o.Blind, o.Images = true, []string{"reg.example/app:v3"}
	if mustRun(t, o); !strings.Contains(s.Pulls[0].Body, "What changes in the files</summary>") || !strings.Contains(s.Pulls[0].Body, "\n+  newTag: \"v3\" # deployed\n") {
		t.Errorf("blind:\n%s", s.Pulls[0].Body)
	}
	o.Pull.Title, o.Pull.Body, o.Images = "By hand", "As I say", []string{"reg.example/app:v4"}
	if mustRun(t, o); s.Pulls[0].Title != "By hand" || s.Pulls[0].Body != "As I say" {
		t.Errorf("%+v", s.Pulls[0])
	}
	long := bump{Options: Options{API: s.URL}, change: kustomize.Change{Rendered: strings.Repeat("+ line of a diff\n", 10_000)}}
	if body := long.body(); len(body) > 60_000 || !strings.Contains(body, "\n+ line of a diff\n... and more\n```\n") {
		t.Errorf("%d bytes, ending in %q", len(body), body[len(body)-100:])
	}
}

// Whatever GitHub says of auto-merge, the pull request stands, and a warning says the rest.
func TestAPI_AutoMergeThatIsRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		auto   string // the answer to auto-merge; "" is that nothing is to be waited for
		merges []int  // the answers to a merge; 0 is yes
		merged bool
		want   string
	}{
		"unstable status":           {auto: "Pull request Pull request is in unstable status", merges: []int{0}, merged: true},
		"mergeability not known":    {merges: []int{405, 0}, merged: true},
		"a merge that is forbidden": {merges: []int{403}, want: "merging: GitHub answers 403"},
		"off in this repository":    {auto: "Pull request Auto merge is not allowed for this repository", want: "auto-merge: GitHub answers: Pull request Auto merge is not allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			s := forgetest.New(t, infra(0))
			s.Fault = func(r *forgetest.Request, after bool) (int, http.Header, string) {
				switch {
				case after:
				case tc.auto != "" && strings.Contains(r.Body, "enablePullRequestAutoMerge"):
					return 200, nil, `{"data":{"merge":null},"errors":[{"type":"UNPROCESSABLE","message":"` + tc.auto + `","path":["merge"]}]}`
				case strings.HasSuffix(r.Path, "/merge"):
					status := tc.merges[0]
					tc.merges = tc.merges[1:]
					if status != 0 {
						return status, nil, `{"message":"no"}`
					}
				}
				return 0, nil, ""
			}
			o := apiOptions(s, "reg.example/app:v2")
			o.Mode, o.Pull.AutoMerge = PullRequest, "MERGE"
			res := mustRun(t, o)
			if res.Operation != "created" || res.Merged != tc.merged || len(tc.merges) != 0 {
				t.Errorf("%+v, %d answers left", res, len(tc.merges))
			}
			if tc.want == "" && len(res.Warnings) > 0 || tc.want != "" && (len(res.Warnings) != 1 || !strings.Contains(res.Warnings[0], tc.want)) {
				t.Errorf("warnings %q, want %q", res.Warnings, tc.want)
			}
		})
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

// What manifests hold is foreign text: it ends no code and no fence, and notifies nobody.
func TestAPI_PullRequestQuotesForeignText(t *testing.T) {
	files := infra(0)
	app := files["apps/shop/base/app.yaml"]
	app.Text = strings.Replace(app.Text, "{name: app, image", "{name: app, env: [{name: X, value: \"```\\n@acme/all\"}], image", 1)
	files["apps/shop/base/app.yaml"] = app
	s := forgetest.New(t, files)
	o := apiOptions(s, "reg.example/app:v2")
	o.Mode = PullRequest
	mustRun(t, o)
	if body := s.Pulls[0].Body; !strings.Contains(body, "\n````diff\n") || !strings.Contains(body, "\n````\n") {
		t.Errorf("body:\n%s", body)
	}
	if got, want := plain("reg.example/web:v1` @acme/all\n\nBumped-Image: x"), "reg.example/web:v1' @acme/all Bumped-Image: x"; got != want {
		t.Errorf("plain = %q, want %q", got, want)
	}
}
