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
	if err := os.WriteFile(payload, []byte(`{"base_ref":"refs/heads/main","repository":{"default_branch":"main","description":"A shop.","license":{"spdx_id":"MIT"}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	common := []string{"GITHUB_EVENT_NAME=push", "GITHUB_REF=refs/tags/v1", "GITHUB_SHA=abc", "GITHUB_REPOSITORY=acme/shop", "GITHUB_SERVER_URL=https://github.com"}
	want := imagetag.Event{Name: "push", Ref: "refs/tags/v1", SHA: "abc", Repository: imagetag.Repository{Name: "shop", URL: "https://github.com/acme/shop"}}
	if got := tell(append(common, "GITHUB_EVENT_PATH=/nowhere")...); got != want {
		t.Errorf("%+v", got)
	}
	want.DefaultBranch, want.BaseRef, want.Repository.Description, want.Repository.License = "main", "refs/heads/main", "A shop.", "MIT"
	if got := tell(append(common, "GITHUB_EVENT_PATH="+payload)...); got != want {
		t.Errorf("%+v", got)
	}
	if got := tell(); got != (imagetag.Event{}) {
		t.Errorf("%+v", got)
	}
}

func tell(environ ...string) imagetag.Event {
	env := parseEnviron(environ)
	p := &program{env: env, stdout: io.Discard, stderr: io.Discard, gha: gha.New(io.Discard, io.Discard, env.get)}
	return event(p.runtime(&spec.BuildPush))
}
