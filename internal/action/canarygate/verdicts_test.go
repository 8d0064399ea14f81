package canarygate

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/promql"
	"github.com/buenhyden/hy-home/internal/rollout"
)

func TestGate_Verdicts(t *testing.T) {
	good := map[int]promql.Result{0: value(0.01)}
	for _, c := range []struct {
		name    string
		change  func(*Options)
		stage   stage
		verdict Verdict
		reason  string
		message string // part of it
		seconds int    // until the answer
	}{
		{
			"a good release passes at once when it is healthy",
			nil, stage{rollouts: []scene{{0, healthy("v1")}, {5, progressing("v2")}, {60, healthy("v2")}}, values: good},
			Passed, "healthy", "7 of 7 measurements are good", 60,
		},
		{
			"a quick one is measured until it was measured enough",
			nil, stage{rollouts: []scene{{0, progressing("v2")}, {1, healthy("v2")}}, values: good},
			Passed, "healthy", "3 of 3 measurements are good", 11,
		},
		{
			"the revision before does not pass for this one",
			nil, stage{rollouts: []scene{{0, healthy("v1")}}, values: good},
			Inconclusive, "timeout", "does not want reg:5000/shop:v2 yet", 300,
		},
		{
			"nor does its failure count",
			nil, stage{rollouts: []scene{{0, aborted("v1")}, {5, progressing("v2")}, {40, healthy("v2")}}, values: good},
			Passed, "healthy", "", 40,
		},
		{
			"the image is wanted, but the status is still of the revision before",
			nil, stage{rollouts: []scene{{0, state("v2", func(s *rollout.State) { s.Generation = 3 })}}, values: good},
			Inconclusive, "timeout", "spec update to be observed", 300,
		},
		{
			"an aborted one fails with the metric that did it",
			nil, stage{rollouts: []scene{{0, progressing("v2")}, {7, aborted("v2")}}, values: good, runs: []rollout.Run{failedRun}},
			Failed, "aborted", `was aborted because metric "errors" of AnalysisRun shop-2-1 ended as Failed, last measurement [0.4]`, 7,
		},
		{
			"an analysis in error is named so",
			nil, stage{rollouts: []scene{{0, aborted("v2")}}, values: good, runs: []rollout.Run{{Name: "r", Phase: "Error", Message: "no such host"}}},
			Failed, "analysis_error", "no such host", 0,
		},
		{
			"a bad value fails before the Rollout does",
			nil, stage{rollouts: []scene{{0, progressing("v2")}}, values: map[int]promql.Result{0: value(0.01), 15: value(0.5)}},
			Failed, "condition_failed", "result[0] < 0.05 does not hold: 1 of 3 measurements failed (0 may), the last of them with [0.5]", 20,
		},
		{
			"as many failures as allowed do not",
			func(o *Options) { o.FailureLimit = 1 },
			stage{rollouts: []scene{{0, progressing("v2")}, {60, healthy("v2")}}, values: map[int]promql.Result{0: value(0.5), 5: value(0.01)}},
			Passed, "healthy", "6 of 7", 60,
		},
		{
			"no data is not a pass",
			func(o *Options) { o.Condition = "all(result, # < 0.05)" },
			stage{rollouts: []scene{{0, progressing("v2")}, {5, healthy("v2")}}},
			Inconclusive, "no_data", "5 measurements in a row have no answer: the query gave no data", 45,
		},
		{
			"data that comes late is waited for",
			nil, stage{rollouts: []scene{{0, progressing("v2")}, {5, healthy("v2")}}, values: map[int]promql.Result{20: value(0.01)}},
			Passed, "healthy", "3 of 6", 45,
		},
		{
			"a Prometheus that is away for a while does not decide",
			nil, stage{rollouts: []scene{{0, progressing("v2")}, {60, healthy("v2")}}, values: good, errs: map[int]error{15: errors.New("away"), 35: nil}},
			Passed, "healthy", "5 of 7", 60,
		},
		{
			"one that never answers is found at once",
			nil, stage{rollouts: []scene{{0, progressing("v2")}}, ping: errors.New("Prometheus at http://prom does not answer: connection refused")},
			Inconclusive, "prometheus_unreachable", "Prometheus at http://prom does not answer: connection refused: check that it runs there", 4,
		},
		{
			"and one that hangs as soon",
			nil, stage{rollouts: []scene{{0, progressing("v2")}}, ping: errors.New("Prometheus at http://prom does not answer: timed out"), hangs: true},
			Inconclusive, "prometheus_unreachable", "Prometheus at http://prom does not answer: timed out: check that it runs there", 4,
		},
		{
			"a pause that waits for a human",
			nil, stage{rollouts: []scene{{0, progressing("v2")}, {9, state("v2", func(s *rollout.State) {
				s.Steps[1] = rollout.Step{Kind: "pause", Forever: true}
				s.Status.Phase, s.Status.StableHash, s.Status.StepIndex = rollout.Paused, "h-old", 1
				s.Status.Pauses = []rollout.Pause{{Reason: "CanaryPauseStep"}}
			})}}, values: good},
			Inconclusive, "paused", "step 2 of 2 until somebody promotes or aborts it", 9,
		},
		{
			"a cluster that is slow to answer is none without the Rollout",
			func(o *Options) { o.AppearTimeout = 1500 * time.Millisecond }, stage{rollouts: []scene{{5, healthy("v2")}}, values: good},
			Passed, "healthy", "", 25,
		},
		{
			"unless it answers that",
			func(o *Options) { o.AppearTimeout = 1500 * time.Millisecond }, stage{rollouts: []scene{{5, nil}}, values: good},
			Inconclusive, ReasonNotFound, "does not exist 1.5s after the gate began", 5,
		},
		{
			"and what it did not say is not told",
			func(o *Options) { o.Timeout = 3 * time.Second }, stage{rollouts: []scene{{5, nil}}, values: good},
			Inconclusive, "timeout", "out of time after 3s: the cluster has not answered yet", 3,
		},
		{
			"an image that cannot be pulled fails after the grace",
			nil, stage{rollouts: []scene{{0, starting("v2")}}, values: good, trouble: map[int]*rollout.Trouble{1: {Reason: "image_pull", Message: "pod x cannot start"}}},
			Failed, "image_pull", "pod x cannot start", 8,
		},
		{
			"a pod that recovers within it does not",
			nil, stage{rollouts: []scene{{0, starting("v2")}, {30, healthy("v2")}}, values: good, trouble: map[int]*rollout.Trouble{1: {Reason: "crash_loop"}, 4: nil}},
			Passed, "healthy", "", 30,
		},
		{
			"a Rollout that does not exist",
			nil, stage{rollouts: []scene{{0, nil}}},
			Inconclusive, "not_found", "Rollout apps/shop does not exist 1m0s after the gate began", 60,
		},
		{
			"one that appears in time",
			nil, stage{rollouts: []scene{{0, nil}, {50, progressing("v2")}, {80, healthy("v2")}}, values: good},
			Passed, "healthy", "", 80,
		},
		{
			"another release in between",
			nil, stage{rollouts: []scene{{0, progressing("v2")}, {5, progressing("v3")}}, values: good},
			Inconclusive, "superseded", "was changed from reg:5000/shop:v2 to reg:5000/shop:v3", 5,
		},
		{
			"a cluster without Argo Rollouts",
			nil, stage{lost: &rollout.Unreadable{Reason: "crd_missing", Message: "install Argo Rollouts"}},
			Inconclusive, "crd_missing", "install Argo Rollouts", 0,
		},
		{
			"without a query an AnalysisRun is the evidence",
			func(o *Options) { o.Prometheus, o.Query, o.Condition = "", "", "" },
			stage{rollouts: []scene{{0, progressing("v2")}, {20, healthy("v2")}}, runs: []rollout.Run{measuredRun}},
			Passed, "healthy", "fully promoted", 20,
		},
		{
			"without either there is none",
			func(o *Options) { o.Prometheus, o.Query, o.Condition = "", "", "" },
			stage{rollouts: []scene{{0, healthy("v2")}}, runs: []rollout.Run{{Phase: "Successful", Message: "Run Terminated"}}},
			Inconclusive, "no_measurements", "nothing was measured", 0,
		},
		{
			"required analysis measures beside the gate",
			func(o *Options) { o.RequireAnalysis = true },
			stage{rollouts: []scene{{0, progressing("v2")}, {60, healthy("v2")}}, values: good, runs: []rollout.Run{measuredRun}},
			Passed, "healthy", "7 of 7 measurements are good", 60,
		},
		{
			"a first deployment has none",
			func(o *Options) { o.RequireAnalysis = true },
			stage{rollouts: []scene{{0, progressing("v2")}, {60, healthy("v2")}}, values: good},
			Inconclusive, "no_measurements", "but no AnalysisRun of this revision has a good measurement", 60,
		},
		{
			"one that was stopped before it measured is none either",
			func(o *Options) { o.RequireAnalysis = true },
			stage{rollouts: []scene{{0, progressing("v2")}, {60, healthy("v2")}}, values: good, runs: []rollout.Run{measuredRun, stoppedRun}},
			Inconclusive, "no_measurements", "but AnalysisRun shop-2-stopped has no good measurement that counts", 60,
		},
		{
			"one that ends after the Rollout is waited for",
			func(o *Options) { o.RequireAnalysis = true },
			stage{rollouts: []scene{{0, progressing("v2")}, {60, healthy("v2")}}, values: good, runs: []rollout.Run{{Name: "b", Phase: "Running"}}, later: map[int][]rollout.Run{63: {measuredRun}}},
			Passed, "healthy", "measurements are good", 63,
		},
		{
			"but not for ever",
			func(o *Options) { o.RequireAnalysis = true },
			stage{rollouts: []scene{{0, progressing("v2")}, {60, healthy("v2")}}, values: good, runs: []rollout.Run{{Name: "b", Phase: "Running"}}},
			Inconclusive, "no_measurements", "but AnalysisRun b has no good measurement that counts", 75,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := options()
				if c.change != nil {
					c.change(&o)
				}
				p, err := o.check()
				if err != nil {
					t.Fatal(err)
				}
				c.stage.start = time.Now()
				r, err := run(t.Context(), p, &c.stage, &c.stage)
				if err != nil || r.Verdict != c.verdict || r.Reason != c.reason || !strings.Contains(r.Message, c.message) {
					t.Fatalf("%s %s %q, %v; want %s %s with %q", r.Verdict, r.Reason, r.Message, err, c.verdict, c.reason, c.message)
				}
				if took := c.stage.second(); took != c.seconds {
					t.Errorf("it took %d s, want %d s", took, c.seconds)
				}
				want := map[Verdict]int{Passed: exit.OK, Failed: exit.Refused, Inconclusive: exit.Inconclusive}[c.verdict]
				if got := exit.Code(r.Err()); got != want {
					t.Errorf("exit code %d, want %d", got, want)
				}
				if c.verdict == Passed && r.Image != "reg:5000/shop:v2" {
					t.Errorf("passed with image %q", r.Image)
				}
			})
		})
	}
}
