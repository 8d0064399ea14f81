package bumpimage

import (
	"slices"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/forge"
	"github.com/buenhyden/hy-home/internal/forge/forgetest"
)

func TestAPI_PullRequest(t *testing.T) {
	s := forgetest.New(t, infra(0))
	o := apiOptions(s, "reg.example/app:v2")
	o.Mode = PullRequest
	o.Pull = Pull{Draft: true, Extras: forge.Extras{Labels: []string{"bump"}, Reviewers: []string{"ann", "ghost"}, TeamReviewers: []string{"ops"}, Assignees: []string{"bob"}, Milestone: 1}}
	res := mustRun(t, o)
	if res.Operation != "created" || res.Number != 1 || !strings.HasPrefix(res.Branch, "chore/bump-app-apps-shop-overlays-dev-") || len(s.Requests) > 5 {
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
	if res := mustRun(t, o); res.Changed || res.Operation != "none" || res.Number != 1 {
		t.Errorf("again: %+v", res)
	}
	s.Push("main", "others", map[string]string{"README.md": "hello\n"})
	o.Images = []string{"reg.example/app:v3"}
	s.Reset()
	res = mustRun(t, o)
	if n := len(s.Requests); n > 5 {
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
