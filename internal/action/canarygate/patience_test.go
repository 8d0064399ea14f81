package canarygate

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/buenhyden/hy-home/internal/promql"
	"github.com/buenhyden/hy-home/internal/rollout"
)

func TestPatient_WaitsForWhatIsAppliedAMomentLater(t *testing.T) {
	missing := rollout.Decision{Answer: rollout.Fail, Reason: rollout.ReasonInvalidSpec, Message: "Rollout a/b has an invalid spec: AnalysisTemplate 'x' not found"}
	wrong := rollout.Decision{Answer: rollout.Fail, Reason: rollout.ReasonInvalidSpec, Message: "Rollout a/b has an invalid spec: no selector"}
	late := rollout.Decision{Answer: rollout.Fail, Reason: rollout.ReasonDeadline}
	fine := rollout.Decision{Answer: rollout.Wait, Reason: rollout.ReasonProgressing}
	g := gate{plan: plan{Options: Options{DeadlineGrace: time.Minute}}}
	t0 := time.Unix(1000, 0)
	for _, step := range []struct {
		after time.Duration
		d     rollout.Decision
		want  rollout.Answer
	}{
		{0, missing, rollout.Wait},
		{44 * time.Second, missing, rollout.Wait},
		{45 * time.Second, missing, rollout.Fail},
		{46 * time.Second, fine, rollout.Wait},
		{47 * time.Second, missing, rollout.Wait}, // a new one: the patience begins anew
		{48 * time.Second, wrong, rollout.Fail},
		{50 * time.Second, missing, rollout.Wait},
		{60 * time.Second, late, rollout.Wait}, // another failure has its own
		{119 * time.Second, late, rollout.Wait},
		{120 * time.Second, late, rollout.Fail},
	} {
		if got := g.patient(step.d, t0.Add(step.after)); got.Answer != step.want {
			t.Errorf("after %s: %s, want %s", step.after, got.Answer, step.want)
		}
	}
}

// TestGate_DeadlineGrace has a Rollout that missed its deadline, and recovers a
// minute later or never.
func TestGate_DeadlineGrace(t *testing.T) {
	late := func() *rollout.State {
		return state("v2", func(s *rollout.State) {
			s.Status.Phase, s.Status.StableHash, s.Status.StepIndex = rollout.Degraded, "h-old", 0
			s.Status.Conditions = []rollout.Condition{{Type: "Progressing", Reason: "ProgressDeadlineExceeded", Message: "timed out progressing"}}
		})
	}
	never, recovers := []scene{{0, progressing("v2")}, {30, late()}}, []scene{{0, progressing("v2")}, {30, late()}, {90, progressing("v2")}, {120, healthy("v2")}}
	for name, c := range map[string]struct {
		rollouts []scene
		grace    time.Duration
		verdict  Verdict
		reason   string
		seconds  int
	}{
		"without a grace it failed":      {recovers, 0, Failed, rollout.ReasonDeadline, 30},
		"one that recovers within it":    {recovers, 2 * time.Minute, Passed, rollout.ReasonHealthy, 120},
		"one that recovers too late":     {recovers, 20 * time.Second, Failed, rollout.ReasonDeadline, 50},
		"one that never does":            {never, 40 * time.Second, Failed, rollout.ReasonDeadline, 70},
		"nothing is longer than timeout": {never, time.Hour, Inconclusive, ReasonTimeout, 300},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &stage{start: time.Now(), values: map[int]promql.Result{0: value(0)}, rollouts: c.rollouts}
			o := options()
			o.DeadlineGrace = c.grace
			p, _ := o.check()
			r, err := run(t.Context(), p, s, s)
			if err != nil || r.Verdict != c.verdict || r.Reason != c.reason || s.second() != c.seconds {
				t.Errorf("%s: %s %s %v after %d s: %s", name, r.Verdict, r.Reason, err, s.second(), r.Message)
			}
		})
	}
}
