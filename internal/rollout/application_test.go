package rollout

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"
)

// application is one at a commit, as [object1] is a Rollout.
func application(version, commit string) map[string]any {
	return map[string]any{
		"apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
		"metadata": map[string]any{"namespace": "apps", "name": "backend", "resourceVersion": version},
		"status":   map[string]any{"sync": map[string]any{"status": "Synced", "revision": commit}},
	}
}

// TestFollowApplication has one request for however long it takes to be at a commit.
func TestFollowApplication(t *testing.T) {
	type answers = []func(http.ResponseWriter)
	for _, tt := range []struct {
		name      string
		lists     answers
		watches   answers
		revisions string
		requests  string
		reason    string // why it cannot be read
	}{
		{"two commits", answers{listing("5", application("4", "aaaaaaa"))}, answers{events(event("MODIFIED", application("6", "bbbbbbb")), event("MODIFIED", application("7", "ccccccc")))},
			"aaaaaaa bbbbbbb ccccccc", "list,watch 5", ""},
		{"a server that is away for a moment", answers{listing("5", application("4", "aaaaaaa"))}, answers{refusing(503, "ServiceUnavailable"), events(event("MODIFIED", application("6", "bbbbbbb")))},
			"aaaaaaa bbbbbbb", "list,watch 5,watch 5", ""},
		{"none", answers{listing("5")}, nil, "", "list", "application_missing"},
		{"no Argo CD", answers{refusing(404, "NotFound")}, nil, "", "list", "application_missing"},
		{"no permission", answers{refusing(403, "Forbidden")}, nil, "", "list", "forbidden"},
		{"one that is deleted", answers{listing("5", application("4", "aaaaaaa")), listing("9")}, answers{events(event("DELETED", application("8", "aaaaaaa")))},
			"aaaaaaa", "list,watch 5,list", "application_missing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &script{resource: "applications", lists: tt.lists, watches: tt.watches}
			server := httptest.NewServer(s)
			defer server.CloseClientConnections()
			c := connect(t, server.URL)
			c.restart = 30 * time.Millisecond
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			out, ended := make(chan Application), make(chan error, 1)
			go func() { ended <- c.FollowApplication(ctx, "apps", "backend", out) }()
			for _, want := range strings.Fields(tt.revisions) {
				select {
				case a := <-out:
					if !a.At(want) {
						t.Errorf("at %v, want %s", a.Revisions, want)
					}
				case err := <-ended:
					t.Fatalf("before %s: %v", want, err)
				}
			}
			if tt.reason != "" {
				var u *Unreadable
				if err := <-ended; !errors.As(err, &u) || u.Reason != tt.reason {
					t.Errorf("%v, want %s", err, tt.reason)
				}
			}
			if all := strings.Join(s.requests(), ","); !strings.HasPrefix(all, tt.requests) {
				t.Errorf("requests %s, want them to begin with %s", all, tt.requests)
			}
		})
	}
}

func TestApplication_At(t *testing.T) {
	const commit = "4f2c1d9e0a"
	for _, c := range []struct {
		name, text string
		at         bool
		failure    string
	}{
		{"synced to it", `{status: {sync: {status: Synced, revision: 4f2c1d9e0affff}}}`, true, ""},
		{"one of several sources", `{status: {sync: {status: Synced, revisions: [aaaaaaaaaa, 4f2c1d9e0affff]}}}`, true, ""},
		{"compared with it, and not applied", `{status: {sync: {status: OutOfSync, revision: 4f2c1d9e0affff}}}`, false, ""},
		{"at another one", `{status: {sync: {status: Synced, revision: 0000000000}}}`, false, ""},
		{"a sync that failed", `{status: {sync: {status: OutOfSync, revision: 4f2c1d9e0affff}, operationState: {phase: Failed, message: no such kind}}}`, false, "no such kind"},
		{"no status", `{}`, false, ""},
		{"fields of a wrong type", `{status: {sync: {status: Synced, revision: 7, revisions: {a: b}}, operationState: []}}`, false, ""},
	} {
		var object map[string]any
		if err := yaml.Unmarshal([]byte(c.text), &object); err != nil {
			t.Fatal(err)
		}
		a := DecodeApplication(object)
		if a.At(commit) != c.at || a.Failure != c.failure {
			t.Errorf("%s: %+v", c.name, a)
		}
		if a.At("") || a.At("4f2c1d") {
			t.Errorf("%s: it is at a commit of too few digits", c.name)
		}
	}
}
