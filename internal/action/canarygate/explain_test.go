package canarygate

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/buenhyden/hy-home/internal/promql"
	"github.com/buenhyden/hy-home/internal/rollout"
)

// TestExplain_SaysWhatTheGateSays puts random Rollouts with random AnalysisRuns to
// both: the command that explains saved objects, and a gate that sees them for as
// long as it runs and requires analysis where there is some. "waiting" is a gate
// that runs out of time.
func TestExplain_SaysWhatTheGateSays(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 2026)) // one seed: what differs once differs again
	said := map[string]int{}
	for i := range 3000 {
		st, runs := randomState(r), randomRuns(r)
		o := options()
		o.Timeout, o.RequireAnalysis, o.Until = time.Minute, len(runs) > 0, []string{"healthy", "healthy", "paused", "step:1"}[r.IntN(4)]
		until, err := rollout.ParseTarget(o.Until)
		if err != nil {
			t.Fatal(err)
		}
		image, err := rollout.ParseImage(o.Image)
		if err != nil {
			t.Fatal(err)
		}
		e := rollout.Explain(*st, runs, rollout.Expectation{Image: image, Until: until})
		said[e.Verdict+" "+e.Reason]++
		synctest.Test(t, func(t *testing.T) {
			s := &stage{start: time.Now(), rollouts: []scene{{0, st}}, values: map[int]promql.Result{0: value(0)}, runs: runs}
			p, err := o.check()
			if err != nil {
				t.Fatal(err)
			}
			g, err := run(t.Context(), p, s, s)
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]Verdict{"passed": Passed, "failed": Failed, "inconclusive": Inconclusive, "waiting": Inconclusive}[e.Verdict]
			reason := e.Reason
			switch {
			case reason == rollout.ReasonAnalysisRunning:
				reason = ReasonNoEvidence
			case e.Verdict == "waiting":
				reason = ReasonTimeout
			}
			if g.Verdict != want || g.Reason != reason {
				t.Errorf("%d: the gate says %s %s (%s), explain %s %s (%s)\n%+v\n%+v", i, g.Verdict, g.Reason, g.Message, e.Verdict, e.Reason, e.Why, *st, runs)
			}
		})
	}
	if len(said) < 15 {
		t.Errorf("the questions are too much alike: %v", said)
	}
	t.Log(said)
}

func randomState(r *rand.Rand) *rollout.State {
	st := []func(string) *rollout.State{healthy, healthy, healthy, progressing, starting, aborted}[r.IntN(6)]([]string{"v2", "v2", "v2", "v2", "v1"}[r.IntN(5)])
	maybe := func(chance int, change func()) {
		if r.IntN(chance) == 0 {
			change()
		}
	}
	maybe(9, func() { st.Paused = true })
	maybe(9, func() { st.Replicas = 0 })
	maybe(9, func() { st.Deleting = true })
	maybe(9, func() { st.Generation = 9 })
	maybe(9, func() { st.Status.Abort = true })
	maybe(9, func() { st.Status.Phase = "" })
	maybe(5, func() {
		st.Status.Phase = rollout.Paused
		st.Steps[1].Forever = r.IntN(2) == 0
		st.Status.StepIndex, st.Status.StableHash = 1, "h-old"
		for range r.IntN(3) {
			st.Status.Pauses = append(st.Status.Pauses, rollout.Pause{Reason: []string{"CanaryPauseStep", "InconclusiveAnalysisRun"}[r.IntN(2)]})
		}
	})
	maybe(9, func() {
		st.Status.Conditions = append(st.Status.Conditions, rollout.Condition{Type: []string{"InvalidSpec", "Progressing"}[r.IntN(2)], Reason: []string{"ProgressDeadlineExceeded", "RolloutAborted"}[r.IntN(2)], Message: "some words"})
	})
	return st
}

func randomRuns(r *rand.Rand) []rollout.Run {
	var runs []rollout.Run
	for i := range r.IntN(4) {
		kind := []string{"Step", "Step", "Background", ""}[r.IntN(4)]
		run := rollout.Run{
			Name: fmt.Sprint("r", i), Type: kind, Created: time.Unix(int64(i), 0),
			Phase: []string{"Successful", "Successful", "Successful", "Successful", "Running", "Failed", "Error", "Inconclusive", ""}[r.IntN(9)],
		}
		if kind == "Step" {
			run.Step = fmt.Sprint(r.IntN(2))
		}
		for range r.IntN(3) {
			run.Metrics = append(run.Metrics, rollout.Metric{Name: "m", Phase: run.Phase, Wanted: int64(r.IntN(3)), Successful: int64(r.IntN(3)), DryRun: r.IntN(6) == 0})
		}
		runs = append(runs, run)
	}
	return runs
}
