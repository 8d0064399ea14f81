package bumpimage

import (
	"net/http"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/forge/forgetest"
	"github.com/buenhyden/hy-home/internal/gitrepo/gittest"
)

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

// A note is left where the images come from, once they are placed, and not when they are not.
func TestAPI_NoteAtTheSource(t *testing.T) {
	for note, path := range map[string]string{"check": "/repos/acme/app/check-runs", "comment": "/repos/acme/app/commits/" + strings.Repeat("c", 40) + "/comments"} {
		s := forgetest.New(t, infra(0))
		o := apiOptions(s, "reg.example/app:v2")
		o.Mode = PullRequest
		o.Source = Source{Repository: "acme/app", Commit: strings.Repeat("c", 40), Token: forgetest.Token, Note: note}
		res := mustRun(t, o)
		if len(s.Comments) != 1 || !strings.Contains(s.Comments[0], "reg.example/app:v2 (created "+res.Commit+"): "+res.URL) || s.Requests[len(s.Requests)-1].Path != path {
			t.Errorf("%s: %q", note, s.Comments)
		}
		if h := s.History(res.Branch)[0]; !strings.Contains(h, "Source-Commit: acme/app@cccc") {
			t.Errorf("message %q", h)
		}
		if mustRun(t, o); len(s.Comments) != 1 {
			t.Errorf("%s: noted again, and nothing was changed: %q", note, s.Comments)
		}
	}
}

// A note that cannot be left is a warning: the images are placed.
func TestAPI_NoteThatIsRefused(t *testing.T) {
	s := forgetest.New(t, infra(0))
	s.Fault = func(r *forgetest.Request, _ bool) (int, http.Header, string) {
		if strings.HasSuffix(r.Path, "/comments") {
			return 403, nil, `{"message":"Resource not accessible by integration"}`
		}
		return 0, nil, ""
	}
	o := apiOptions(s, "reg.example/app:v2")
	o.Source = Source{Repository: "acme/app", Commit: strings.Repeat("c", 40), Token: forgetest.Token, Note: "comment"}
	res := mustRun(t, o)
	if !res.Changed || len(res.Warnings) != 1 || !strings.Contains(res.Warnings[0], "no note at the source commit") || !strings.Contains(res.Warnings[0], "not accessible by integration") {
		t.Errorf("%+v", res)
	}
}

// Of two images one is newer already: the other lands alone.
func TestSuperseded_InPart(t *testing.T) {
	older, newer := strings.Repeat("1", 40), strings.Repeat("2", 40)
	s := forgetest.New(t, infra(0))
	s.Source = []string{older, newer}
	o := apiOptions(s, "reg.example/app:"+newer)
	o.Source = Source{Repository: "acme/app", Commit: newer, Token: forgetest.Token}
	mustRun(t, o)
	o.Images, o.Source.Commit = []string{"reg.example/app:" + older, "reg.example/web=*:" + older}, older
	res := mustRun(t, o)
	text := s.Text("main", devFile)
	if res.Operation != "pushed" || !strings.Contains(text, "newTag: \""+newer+"\" # deployed") || !strings.Contains(text, "- name: reg.example/web\n  newTag: \""+older+"\"\n") {
		t.Errorf("%+v:\n%s", res, text)
	}
	if len(res.Warnings) != 1 || !strings.Contains(res.Warnings[0], "superseded: reg.example/app ") {
		t.Errorf("warnings %q", res.Warnings)
	}
}

// A tag that names no commit: the bump before left the commit in its message, which is read in
// the same query as the head by the API, and out of a history that is deepened for it by Git.
func TestSuperseded_ByWhatABumpRecorded(t *testing.T) {
	older, newer := strings.Repeat("1", 40), strings.Repeat("2", 40)
	hub := forgetest.New(t, infra(0))
	hub.Source = []string{older, newer}
	byGit := gitOptions(gittest.Serve(t, gittest.Bare(t, infra(0))).URL)
	byGit.API = hub.URL
	for name, o := range map[string]Options{API: apiOptions(hub), Git: byGit} {
		t.Run(name, func(t *testing.T) {
			bump := func(tag, commit string) Result {
				o.Images = []string{"reg.example/app:" + tag}
				o.Source = Source{Repository: "acme/app", Commit: commit, Token: forgetest.Token}
				hub.Reset()
				return mustRun(t, o)
			}
			if res := bump("v2", newer); res.Operation != "pushed" {
				t.Fatalf("%+v", res)
			}
			o.Images = []string{"reg.example/web=*:v9"} // another image, on top of it
			mustRun(t, o)
			if res := bump("v1.9", older); res.Changed || res.Operation != "superseded" {
				t.Errorf("the older run: %+v", res)
			}
			if n := len(hub.Requests); name == API && n != 2 { // the query, and the comparison of the two commits
				t.Errorf("%d requests", n)
			}
			if res := bump("v2", older); res.Operation != "none" || name == API && len(hub.Requests) != 1 {
				t.Errorf("nothing to do: %+v after %d requests", res, len(hub.Requests))
			}
			if res := bump("v3", strings.Repeat("3", 40)); res.Operation != "pushed" {
				t.Errorf("a commit that is not known to be older: %+v", res)
			}
		})
	}
}

func TestMessage_Trailers(t *testing.T) {
	s := forgetest.New(t, infra(0))
	o := apiOptions(s, "reg.example/app:v2")
	o.Message, o.SignOff = "by hand", true
	o.Source = Source{Repository: "acme/app", Commit: strings.Repeat("c", 40), Token: forgetest.Token, RunURL: "https://github.com/acme/app/actions/runs/1"}
	mustRun(t, o)
	want := "by hand\n\nSource-Commit: acme/app@" + strings.Repeat("c", 40) + "\nBumped-Image: reg.example/app:v2\nSource-Run: https://github.com/acme/app/actions/runs/1\nSigned-off-by: Bot <bot@example.com>"
	if got := s.History("main")[0]; got != want {
		t.Errorf("message:\n%s\nwant:\n%s", got, want)
	}
}

// An older run that comes in last does not take an open pull request back either.
func TestSuperseded_ByAnOpenPullRequest(t *testing.T) {
	older, newer := strings.Repeat("1", 40), strings.Repeat("2", 40)
	s := forgetest.New(t, infra(0))
	s.Source = []string{older, newer}
	propose := func(tag, commit string) Result {
		o := apiOptions(s, "reg.example/app:"+tag)
		o.Mode, o.Source = PullRequest, Source{Repository: "acme/app", Commit: commit, Token: forgetest.Token}
		return mustRun(t, o)
	}
	if res := propose("v2", newer); res.Operation != "created" {
		t.Fatalf("%+v", res)
	}
	if res := propose("v1.9", older); res.Operation != "superseded" || res.Changed || res.Number != 1 || !strings.Contains(s.Pulls[0].Title, "v2") {
		t.Errorf("the older run: %+v", res)
	}
	s.Source = append(s.Source, strings.Repeat("3", 40))
	if res := propose("v3", s.Source[2]); res.Operation != "updated" || !strings.Contains(s.Pulls[0].Title, "v3") {
		t.Errorf("a newer run: %+v", res)
	}
}

// What runs and what waits are held against ours in one request, so that a pull request on a base
// that moved is five of them, and so are those of several images.
func TestSuperseded_PairsAreAskedTogether(t *testing.T) {
	s := forgetest.New(t, infra(0))
	for _, c := range "123" {
		s.Source = append(s.Source, strings.Repeat(string(c), 40))
	}
	bump := func(mode string, images ...string) Result {
		t.Helper()
		s.Reset()
		o := apiOptions(s, images...)
		commit := images[0][len(images[0])-40:]
		o.Mode, o.Source = mode, Source{Repository: "acme/app", Commit: commit, Token: forgetest.Token}
		return mustRun(t, o)
	}
	app := func(i int) string { return "reg.example/app:" + s.Source[i] }
	web := func(i int) string { return "reg.example/web=*:" + s.Source[i] }
	bump(Push, app(0), web(0))
	if res := bump(PullRequest, app(1)); res.Operation != "created" || len(s.Requests) != 3 {
		t.Errorf("a proposal: %+v after %d requests, want 3", res, len(s.Requests))
	}
	s.Push("main", "others", map[string]string{"README.md": "hello\n"})
	if res := bump(PullRequest, app(2)); res.Operation != "updated" || len(s.Requests) != 5 {
		t.Errorf("on a base that moved: %+v after %d requests, want 5", res, len(s.Requests))
	}
	if res := bump(PullRequest, app(1)); res.Operation != "superseded" || len(s.Requests) != 2 {
		t.Errorf("an older one: %+v after %d requests, want 2", res, len(s.Requests))
	}
	if res := bump(Push, app(2), web(1)); res.Operation != "pushed" || len(s.Requests) != 3 {
		t.Errorf("two images: %+v after %d requests, want 3", res, len(s.Requests))
	}
}

// The source repository is asked along with files that have to be brought, so that no depth of
// overlays takes more than four requests; where the token may not see it, by its own in one more.
func TestSuperseded_IsAskedAlongWithFiles(t *testing.T) {
	for repository, requests := range map[string]int{"acme/app": 4, "acme/hidden": 5} {
		s := forgetest.New(t, deepInfra(8))
		s.Source = []string{strings.Repeat("1", 40), strings.Repeat("2", 40)}
		bump := func(i int) Result {
			t.Helper()
			s.Reset()
			o := apiOptions(s, "reg.example/app=*:"+s.Source[i])
			o.Paths, o.Source = []string{"d8"}, Source{Repository: repository, Commit: s.Source[i], Token: forgetest.Token}
			return mustRun(t, o)
		}
		bump(0)
		if res := bump(1); res.Operation != "pushed" || s.Asked() != requests {
			t.Errorf("%s: %+v after %d requests, want %d", repository, res, s.Asked(), requests)
		}
		if res := bump(0); (res.Operation == "superseded") != (repository == "acme/app") {
			t.Errorf("%s: the older run: %+v", repository, res)
		}
	}
}
