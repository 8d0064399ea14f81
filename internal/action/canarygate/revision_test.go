package canarygate

import (
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/promql"
	"github.com/buenhyden/hy-home/internal/rollout"
)

// TestGate_ExpectRevision has an Application that is at the commit after ten
// seconds, and a Rollout whose third generation that commit is.
func TestGate_ExpectRevision(t *testing.T) {
	const commit = "4f2c1d9e0a"
	third := func(tag string, s *rollout.State) *rollout.State {
		s.Generation, s.Status.ObservedGeneration = 3, "3"
		return s
	}
	at := map[int]rollout.Application{0: {Synced: true, Revisions: []string{"0000000aaa"}}, 10: {Synced: true, Revisions: []string{commit + "ffff"}}}
	for _, c := range []struct {
		name     string
		image    string
		rollouts []scene
		apps     map[int]rollout.Application
		verdict  Verdict
		reason   string
		message  string
	}{
		{"the commit alone", "", []scene{{0, healthy("v1")}, {8, third("v2", progressing("v2"))}, {40, third("v2", healthy("v2"))}}, at, Passed, "healthy", ""},
		{"the same image again", "reg:5000/shop:v1", []scene{{0, healthy("v1")}, {20, third("v1", healthy("v1"))}}, at, Passed, "healthy", ""},
		{"never applied", "", []scene{{0, healthy("v1")}}, map[int]rollout.Application{0: {Synced: true, Revisions: []string{"0000000aaa"}, Failure: "one or more objects failed to apply"}}, Inconclusive, ReasonTimeout, "has not applied 4f2c1d9e0a yet, its last sync failed: one or more objects failed to apply"},
		{"the old generation is not enough", "", []scene{{0, healthy("v1")}}, at, Inconclusive, ReasonTimeout, "has not applied"},
		{"another release over it", "", []scene{{0, third("v2", progressing("v2"))}, {30, third("v3", healthy("v3"))}}, at, Inconclusive, rollout.ReasonSuperseded, "changed from reg:5000/shop:v2 to reg:5000/shop:v3"},
		{"no Application", "", []scene{{0, healthy("v1")}}, nil, Inconclusive, "application_missing", "does not exist"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := options()
			o.Image, o.ExpectRevision, o.Application = c.image, commit, "argocd/shop"
			r := play(t, o, &stage{rollouts: c.rollouts, apps: c.apps, values: map[int]promql.Result{0: value(0.01)}})
			if r.Verdict != c.verdict || r.Reason != c.reason || !strings.Contains(r.Message, c.message) {
				t.Errorf("%s %s: %s %+v", r.Verdict, r.Reason, r.Message, r.Changes)
			}
		})
	}
	for _, o := range []Options{{ExpectRevision: "main", Application: "a/b"}, {ExpectRevision: commit}, {ExpectRevision: commit, Application: "shop"}} {
		o.Rollout, o.Image, o.Kubeconfig = "apps/shop", "a/b:1", "x"
		if _, err := o.check(); err == nil {
			t.Errorf("%+v: want an error", o)
		}
	}
}
