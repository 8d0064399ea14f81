package bumpimage

import (
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
