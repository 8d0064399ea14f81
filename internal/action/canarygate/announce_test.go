package canarygate

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/forge"
	"github.com/buenhyden/hy-home/internal/forge/forgetest"
)

const releaseCommit = "0123456789abcdef0123456789abcdef01234567"

func announcing(t *testing.T, github *forgetest.Server, kinds ...string) *Announcement {
	t.Helper()
	c, err := forge.New(forge.Options{
		API: github.URL, Repository: forgetest.Repository, Token: forgetest.Token,
		Wait: func(context.Context, time.Duration) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return &Announcement{Kinds: kinds, Commit: releaseCommit, Name: "canary-gate", Environment: "production", URL: "https://github.example/run/1", GitHub: c}
}

func TestAnnouncement_ShowsTheVerdict(t *testing.T) {
	for _, c := range []struct {
		verdict Verdict
		failed  error
		states  []string // status, check, deployment
		title   string
	}{
		{Passed, nil, []string{"success", "success", "success"}, "YES: backend (apps)"},
		{Failed, nil, []string{"failure", "failure", "failure"}, "NO: backend (apps)"},
		{Inconclusive, nil, []string{"error", "action_required", "error"}, "CANNOT TELL: backend (apps)"},
		{"", errors.New("stopped"), []string{"error", "action_required", "error"}, "no verdict: stopped"},
	} {
		github := forgetest.New(t, nil)
		a := announcing(t, github, "deployment", "check", "status")
		if err := a.Begin(t.Context(), "apps/backend"); err != nil {
			t.Fatal(err)
		}
		for _, s := range github.Shown {
			if !slices.Contains([]string{"pending", "in_progress"}, s.State) {
				t.Errorf("before the verdict: %+v", s)
			}
		}
		r := sample()
		r.Verdict = c.verdict
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // a gate that is stopped says so
		if err := a.End(ctx, r, c.failed); err != nil {
			t.Fatal(err)
		}
		if len(github.Shown) != 3 {
			t.Fatalf("%+v", github.Shown)
		}
		for _, s := range github.Shown {
			i := slices.Index(announced[:], s.Kind)
			if s.State != c.states[i] || !strings.HasPrefix(s.Title, c.title) || s.URL != a.URL || s.Commit != releaseCommit {
				t.Errorf("%q: %+v, want %s", c.verdict, s, c.states[i])
			}
			if s.Kind == "check" && c.failed == nil && !strings.Contains(s.Text, "AnalysisRuns") {
				t.Errorf("the check has no report: %s", s.Text)
			}
		}
	}
}

// TestAnnouncement_LongReport: GitHub refuses a summary over 65,535 bytes, and
// with it the whole check.
func TestAnnouncement_LongReport(t *testing.T) {
	github := forgetest.New(t, nil)
	r := sample()
	for range 2000 {
		r.Changes = append(r.Changes, Change{Time: r.Start, Text: strings.Repeat("x", 100)})
	}
	if err := announcing(t, github, "check").End(t.Context(), r, nil); err != nil {
		t.Fatal(err)
	}
	if text := github.Shown[0].Text; !strings.Contains(text, "https://github.example/run/1") || len(text) > 2000 {
		t.Errorf("%d bytes", len(text))
	}
}

// TestAnnouncement_Faults are one line that names what failed and which
// permission it takes; the rest is shown nevertheless.
func TestAnnouncement_Faults(t *testing.T) {
	for path, want := range map[string]string{
		"/statuses/":   "statuses: write",
		"/check-runs":  "checks: write",
		"/deployments": "deployments: write",
	} {
		github := forgetest.New(t, nil)
		github.Fault = func(r *forgetest.Request, after bool) (int, http.Header, string) {
			if !after && strings.Contains(r.Path, path) {
				return http.StatusForbidden, nil, `{"message": "Resource not accessible by integration"}`
			}
			return 0, nil, ""
		}
		err := announcing(t, github, announced[:]...).End(t.Context(), sample(), nil)
		if err == nil || !strings.Contains(err.Error(), "Resource not accessible by integration (the token needs the permission "+want+" in acme/infra)") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", path, err)
		}
		if len(github.Shown) != 2 {
			t.Errorf("%s: only %+v is shown", path, github.Shown)
		}
	}
}

func TestAnnouncement_BadInput(t *testing.T) {
	for want, change := range map[string]func(*Announcement){
		`input report-to has "comment"`:     func(a *Announcement) { a.Kinds = []string{"comment"} },
		`input report-commit is "main"`:     func(a *Announcement) { a.Commit = "main" },
		"input report-name is empty":        func(a *Announcement) { a.Name = "" },
		"input report-environment is empty": func(a *Announcement) { a.Environment = "" },
	} {
		a := Announcement{Kinds: announced[:], Commit: releaseCommit, Name: "gate", Environment: "production"}
		if err := a.Check(); err != nil {
			t.Fatal(err)
		}
		change(&a)
		if err := a.Check(); exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if err := (&Announcement{}).Check(); err != nil {
		t.Errorf("who announces nothing needs nothing: %v", err)
	}
}
