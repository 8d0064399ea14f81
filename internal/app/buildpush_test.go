package app

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/buenhyden/hy-home/internal/gha"
	"github.com/buenhyden/hy-home/internal/imagetag"
	"github.com/buenhyden/hy-home/internal/spec"
)

func TestEvent_IsWhatGitHubTells(t *testing.T) {
	payload := filepath.Join(t.TempDir(), "event.json")
	if err := os.WriteFile(payload, []byte(`{"number":7,"base_ref":"refs/heads/main","repository":{"default_branch":"main","description":"A shop.","license":{"spdx_id":"MIT"}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	common := []string{"GITHUB_EVENT_NAME=push", "GITHUB_REF=refs/tags/v1", "GITHUB_SHA=abc", "GITHUB_REPOSITORY=acme/shop", "GITHUB_SERVER_URL=https://github.com"}
	want := imagetag.Event{Name: "push", Ref: "refs/tags/v1", SHA: "abc", Repository: imagetag.Repository{Name: "shop", URL: "https://github.com/acme/shop"}}
	if got := tell(append(common, "GITHUB_EVENT_PATH=/nowhere")...); got != want {
		t.Errorf("%+v", got)
	}
	want.DefaultBranch, want.BaseRef, want.Number, want.Repository.Description, want.Repository.License = "main", "refs/heads/main", 7, "A shop.", "MIT"
	if got := tell(append(common, "GITHUB_EVENT_PATH="+payload)...); got != want {
		t.Errorf("%+v", got)
	}
	if got := tell(); got != (imagetag.Event{}) {
		t.Errorf("%+v", got)
	}
}

func tell(environ ...string) imagetag.Event { return event(ran(environ)) }

func ran(environ []string) *Runtime {
	env := parseEnviron(environ)
	p := &program{env: env, stdout: io.Discard, stderr: io.Discard, gha: gha.New(io.Discard, io.Discard, env.get)}
	return p.runtime(&spec.BuildPush)
}

func TestFork_IsAPullRequestOfAnotherRepository(t *testing.T) {
	for _, c := range []struct {
		event, from string
		want        bool
	}{
		{"pull_request", "someone/shop", true},
		{"pull_request", "acme/shop", false},
		{"pull_request", "", false}, // the fork is deleted
		{"pull_request_target", "someone/shop", false},
		{"pull_request_review", "someone/shop", true},
		{"push", "", false},
	} {
		payload := filepath.Join(t.TempDir(), "event.json")
		if err := os.WriteFile(payload, []byte(`{"pull_request":{"head":{"repo":{"full_name":"`+c.from+`"}}}}`), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := fork(ran([]string{"GITHUB_EVENT_NAME=" + c.event, "GITHUB_REPOSITORY=acme/shop", "GITHUB_EVENT_PATH=" + payload})); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
	if fork(ran([]string{"GITHUB_EVENT_NAME=pull_request", "GITHUB_EVENT_PATH=/nowhere"})) {
		t.Error("a fork of an event without a payload")
	}
}
