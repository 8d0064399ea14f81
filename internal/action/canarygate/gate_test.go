package canarygate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/judge"
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
			"a pause that waits for a human",
			nil, stage{rollouts: []scene{{0, progressing("v2")}, {9, state("v2", func(s *rollout.State) {
				s.Steps[1] = rollout.Step{Kind: "pause", Forever: true}
				s.Status.Phase, s.Status.StableHash, s.Status.StepIndex = rollout.Paused, "h-old", 1
				s.Status.Pauses = []rollout.Pause{{Reason: "CanaryPauseStep"}}
			})}}, values: good},
			Inconclusive, "paused", "step 2 of 2 until somebody promotes or aborts it", 9,
		},
		{
			"an image that cannot be pulled fails at the second look",
			nil, stage{rollouts: []scene{{0, starting("v2")}}, values: good, trouble: map[int]*rollout.Trouble{1: {Reason: "image_pull", Message: "pod x cannot start"}}},
			Failed, "image_pull", "pod x cannot start", 8,
		},
		{
			"one that recovers between two looks does not",
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
			stage{rollouts: []scene{{0, progressing("v2")}, {20, healthy("v2")}}, runs: []rollout.Run{{Phase: "Successful", Metrics: []rollout.Metric{{Wanted: 3, Successful: 3}}}}},
			Passed, "healthy", "fully promoted", 20,
		},
		{
			"without either there is none",
			func(o *Options) { o.Prometheus, o.Query, o.Condition = "", "", "" },
			stage{rollouts: []scene{{0, healthy("v2")}}, runs: []rollout.Run{{Phase: "Successful", Message: "Run Terminated"}}},
			Inconclusive, "no_measurements", "nothing was measured", 0,
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

func TestGate_AsksForTheRevision(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{start: time.Now(), rollouts: []scene{{0, progressing("v2")}, {3, healthy("v2")}}, values: map[int]promql.Result{0: value(0)}}
		p, _ := options().check()
		if _, err := run(t.Context(), p, s, s); err != nil {
			t.Fatal(err)
		}
		if s.queries[0] != `errors{hash="preflight"}` || s.queries[1] != `errors{hash="h-v2"}` {
			t.Errorf("%q", s.queries)
		}
	})
}

func TestGate_Abort(t *testing.T) {
	for name, c := range map[string]struct {
		abort bool
		at    *rollout.State
		want  bool
	}{
		"when told to, and under way": {true, progressing("v2"), true},
		"not when not told to":        {false, progressing("v2"), false},
		"not when it is all promoted": {true, healthy("v2"), false},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &stage{start: time.Now(), rollouts: []scene{{0, c.at}}, values: map[int]promql.Result{0: value(1)}}
			o := options()
			o.Abort = c.abort
			p, _ := o.check()
			r, err := run(t.Context(), p, s, s)
			if err != nil || r.Verdict != Failed || s.aborted != c.want || r.Aborted != c.want {
				t.Errorf("%s: %s, aborted %v, %v", name, r.Verdict, s.aborted, err)
			}
		})
	}
}

func TestGate_BadQueryIsBadInput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{start: time.Now(), rollouts: []scene{{0, healthy("v2")}}, errs: map[int]error{0: &promql.QueryError{Type: "bad_data", Message: "parse error"}}}
		p, _ := options().check()
		if _, err := run(t.Context(), p, s, s); exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), "parse error") {
			t.Error(err)
		}
	})
}

func TestGate_Cancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{start: time.Now(), rollouts: []scene{{0, progressing("v2")}}, values: map[int]promql.Result{0: value(0)}}
		p, _ := options().check()
		ctx, cancel := context.WithTimeout(t.Context(), 25*time.Second)
		defer cancel()
		if r, err := run(ctx, p, s, s); err == nil || r.Verdict != "" {
			t.Errorf("%s, %v", r.Verdict, err)
		}
	})
}

func TestOptions_BadInput(t *testing.T) {
	for want, change := range map[string]func(*Options){
		`input rollout is "shop"`:                func(o *Options) { o.Rollout = "shop" },
		`input rollout is "apps/"`:               func(o *Options) { o.Rollout = "apps/" },
		`input rollout is "a/b/c"`:               func(o *Options) { o.Rollout = "a/b/c" },
		`input image is "reg/shop"`:              func(o *Options) { o.Image = "reg/shop" },
		"input image is required":                func(o *Options) { o.Image = "" },
		"no kubeconfig is known":                 func(o *Options) { o.Kubeconfig = "" },
		"input query is empty":                   func(o *Options) { o.Query = "" },
		"input prometheus is empty":              func(o *Options) { o.Prometheus = "" },
		"input condition is empty":               func(o *Options) { o.Condition = "" },
		"input prometheus is not valid":          func(o *Options) { o.Prometheus = "prom:9090" },
		"{{hsh}} is unknown":                     func(o *Options) { o.Query = "x{a='{{hsh}}'}" },
		"input condition is not valid in Argo's": func(o *Options) { o.Condition = "result[0] <" },
	} {
		o := options()
		change(&o)
		_, err := Run(t.Context(), o)
		if exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// FuzzConclude: a pass always has a Rollout that passes and, with a query, good
// measurements.
func FuzzConclude(f *testing.F) {
	f.Add(uint8(1), true, true, []byte{0, 0, 0})
	f.Fuzz(func(t *testing.T, answer uint8, measures, ended bool, outcomes []byte) {
		d := rollout.Decision{Answer: rollout.Answer(answer % 4), Reason: "r", Message: "m"}
		facts := facts{decision: d, measures: measures, limits: judge.Limits{Successful: 2, Unanswered: 1}}
		base := time.Unix(1000, 0)
		if ended {
			facts.end = base
		}
		all := []judge.Outcome{judge.Successful, judge.Failed, judge.NoData, judge.Error, judge.Inconclusive}
		for i, o := range outcomes {
			facts.measurements = append(facts.measurements, judge.Measurement{Time: base.Add(time.Duration(i) * time.Second), Outcome: all[int(o)%len(all)]})
		}
		c := conclude(facts)
		good := judge.Count(facts.measurements)
		if c.verdict == Passed && (d.Answer != rollout.Pass || (measures && (good.Successful < 2 || good.Failed > 0 || !ended)) || (!measures && !c.needsEvidence)) {
			t.Errorf("%+v passes with %+v", facts, c)
		}
		if (c.verdict == "") != (c.reason == "") || c.message == "" {
			t.Errorf("%+v", c)
		}
	})
}

// TestResult_Changes keeps each change once.
func TestResult_Changes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{start: time.Now(), values: map[int]promql.Result{0: value(0)}, rollouts: []scene{
			{0, healthy("v1")}, {1, healthy("v1")}, {2, progressing("v2")}, {3, progressing("v2")}, {30, healthy("v2")},
		}}
		var lines []string
		o := options()
		o.Progress = func(l string) { lines = append(lines, l) }
		p, _ := o.check()
		r, err := run(t.Context(), p, s, s)
		if err != nil || len(r.Changes) != 3 {
			t.Errorf("%+v, %v", r.Changes, err)
		}
		if !slices.Contains(lines, "Progressing (more replicas need to be updated), step 1 of 2, 25 %") || !slices.Contains(lines, "measured [0]: Successful") {
			t.Errorf("%s", fmt.Sprint(strings.Join(lines, "\n")))
		}
	})
}
