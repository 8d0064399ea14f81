package canarygate

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/buenhyden/hy-home/internal/rollout"
)

// TestBed_Race releases again and again with the gate started just before or
// just after: it may pass only when the new revision is the stable one. At each
// start the Rollout is Healthy, so a look at the phase alone would pass at once.
func TestBed_Race(t *testing.T) {
	s := openShop(t)
	s.errors(t, 0)
	s.release(t, plainRollout, withoutSteps, "r0", "")
	s.settle(t, rollout.Healthy)
	releases := 20
	if os.Getenv("HY_RACE") != "" { // up to a minute; what is rarer than one in twenty is looked for before a release
		releases = 100
	}
	previous, naive := "", 0
	for i := 1; i <= releases; i++ {
		tag := fmt.Sprintf("r%d", i)
		o := s.gate(tag)
		o.Measurements, o.Interval = 1, 100*time.Millisecond
		var verdict <-chan Result
		if i%2 == 0 {
			s.release(t, plainRollout, withoutSteps, tag, "")
			verdict = start(t, o)
		} else {
			verdict = start(t, o)
			s.release(t, plainRollout, withoutSteps, tag, "")
		}
		if now, err := s.state(t.Context()); err == nil && now.Status.Phase == rollout.Healthy && now.Status.PodHash == previous {
			naive++ // what looks at status.phase alone passes here
		}
		r := <-verdict
		state, err := s.state(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if r.Verdict != Passed {
			t.Fatalf("%s: %s %s: %s", tag, r.Verdict, r.Reason, r.Message)
		}
		if r.PodHash == previous || !state.Promoted() || state.Status.PodHash != r.PodHash || state.Containers[0].Image != o.Image {
			t.Errorf("%s: passed with revision %s (before it %s), the Rollout has %+v", tag, r.PodHash, previous, state.Status)
		}
		previous = r.PodHash
	}
	t.Logf("%d releases; in %d of them status.phase was still Healthy of the revision before when the release was applied", releases, naive)
}

// TestBed_AfterAbort releases a good version over an aborted one: the gate must
// not take the failure that is still written there for the new revision's.
func TestBed_AfterAbort(t *testing.T) {
	s := openShop(t)
	s.errors(t, 0)
	s.release(t, plainRollout, withoutSteps, "g0", "")
	s.settle(t, rollout.Healthy)
	const rounds = 3
	cluster, err := rollout.Connect(s.Kubeconfig, "", func(string, ...any) {})
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i <= rounds; i++ {
		s.release(t, plainRollout, longPause, fmt.Sprintf("b%d", i), "")
		s.settle(t, rollout.Paused)
		bad, err := s.state(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := cluster.Abort(t.Context(), bad); err != nil {
			t.Fatal(err)
		}
		s.settle(t, rollout.Degraded)
		tag := fmt.Sprintf("g%d", i)
		o := s.gate(tag)
		o.Measurements, o.Interval = 1, 100*time.Millisecond
		verdict := start(t, o)
		s.release(t, plainRollout, withoutSteps, tag, "")
		r := <-verdict
		t.Logf("%s after %.1f s", tag, r.End.Sub(r.Start).Seconds())
		if r.Verdict != Passed {
			t.Errorf("%s: %s %s: %s (%+v)", tag, r.Verdict, r.Reason, r.Message, r.Changes)
		}
	}
}
