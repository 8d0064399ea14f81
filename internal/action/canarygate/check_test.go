package canarygate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/buenhyden/hy-home/internal/gatefile"
	"github.com/buenhyden/hy-home/internal/promql"
	"github.com/buenhyden/hy-home/internal/rollout"
)

// judgedBy is a gate with these checks and no query of its own.
func judgedBy(t *testing.T, file string) Options {
	t.Helper()
	f, err := gatefile.Parse([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	o := options()
	o.Query, o.Condition, o.Gate = "", "", f
	return o
}

func play(t *testing.T, o Options, s *stage) (r Result) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s.start = time.Now()
		p, err := o.check()
		if err != nil {
			t.Fatal(err)
		}
		if r, err = run(t.Context(), p, s, s); err != nil {
			t.Fatal(err)
		}
	})
	return r
}

func samples(from float64, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = from + 0.001*float64(i)
	}
	return out
}

const (
	threshold  = "checks: [{name: errors, query: errors, condition: 'result[0] < 0.05', interval: 5s%s}]"
	comparison = "checks: [{name: latency, query: 'latency{hash=\"{{hash}}\"}', compare: {direction: increase}%s}]"
	budget     = "checks: [{name: budget, budget: {objective: 99, errors: 'ratio[{{window}}]', windows: [{long: 1h, short: 5m, burn: 14.4}]}}]"
)

func TestChecks_Verdicts(t *testing.T) {
	course := []scene{{0, progressing("v2")}, {60, healthy("v2")}}
	canary, stable := `latency{hash="h-v2"}`, `latency{hash="h-old"}`
	for _, c := range []struct {
		name, file string
		stage      stage
		verdict    Verdict
		reason     string
		message    string
	}{
		{"a good threshold", fmt.Sprintf(threshold, ""), stage{rollouts: course, values: map[int]promql.Result{0: value(0.01)}}, Passed, "healthy", "score 100 of 100"},
		{"a bad one fails at once", fmt.Sprintf(threshold, ""), stage{rollouts: course, values: map[int]promql.Result{0: value(0.01), 20: value(0.5)}}, Failed, ReasonCheck, "errors: 1 of 5 measurements failed"},
		{"no data is undecided", fmt.Sprintf(threshold, ""), stage{rollouts: course}, Inconclusive, ReasonNoData, "errors: 5 measurements in a row have no answer"},
		{"or fails, if asked", fmt.Sprintf(threshold, ", on-no-data: fail"), stage{rollouts: course}, Failed, ReasonCheck, "no answer"},
		{"or passes, if asked", fmt.Sprintf(threshold, ", on-no-data: pass"), stage{rollouts: course}, Passed, "healthy", "score 100"},
		{"an error is another matter", fmt.Sprintf(threshold, ", on-no-data: pass"), stage{rollouts: course, errs: map[int]error{0: fmt.Errorf("down")}}, Inconclusive, ReasonNoData, "down"},
		{"a failure that is not critical costs score", "pass: 60\nmarginal: 40\n" + strings.Replace(fmt.Sprintf(threshold, ", critical: false"), "}]", "}, {name: other, query: other, condition: 'true', weight: 2}]", 1), stage{rollouts: course, values: map[int]promql.Result{0: value(0.5)}}, Passed, "healthy", "score 66.67 of 100, 60 passes"},
		{"a marginal score is inconclusive", "pass: 90\nmarginal: 60\n" + strings.Replace(fmt.Sprintf(threshold, ", critical: false"), "}]", "}, {name: other, query: other, condition: 'true', weight: 2}]", 1), stage{rollouts: course, values: map[int]promql.Result{0: value(0.5)}}, Inconclusive, ReasonMarginal, "marginal: errors"},
		{"the same latency", fmt.Sprintf(comparison, ""), stage{rollouts: course, ranges: map[string][]float64{canary: samples(1, 30), stable: samples(1, 30)}}, Passed, "healthy", "score 100"},
		{"a higher latency", fmt.Sprintf(comparison, ""), stage{rollouts: course, ranges: map[string][]float64{canary: samples(2, 30), stable: samples(1, 30)}}, Failed, ReasonCheck, "latency: higher than the baseline: 2.01 against 1.01"},
		{"too few samples are said", fmt.Sprintf(comparison, ""), stage{rollouts: course, ranges: map[string][]float64{canary: samples(2, 8), stable: samples(1, 30)}}, Inconclusive, ReasonNoData, "too few samples: 8 of the canary and 30 of the baseline"},
		{"a first deployment has no baseline", fmt.Sprintf(comparison, ""), stage{rollouts: []scene{{0, healthy("v2")}}}, Inconclusive, ReasonNoData, "no stable revision to compare with"},
		{"a budget that lasts", budget, stage{rollouts: course, values: map[int]promql.Result{0: value(0.001)}}, Passed, "healthy", "score 100"},
		{"a budget that burns", budget, stage{rollouts: course, values: map[int]promql.Result{0: value(0.5)}}, Failed, ReasonCheck, "burn 50 over 1h and 50 over 5m"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := play(t, judgedBy(t, c.file), &c.stage)
			if r.Verdict != c.verdict || r.Reason != c.reason || !strings.Contains(r.Message, c.message) {
				t.Errorf("%s %s: %s, want %s %s with %q", r.Verdict, r.Reason, r.Message, c.verdict, c.reason, c.message)
			}
			for _, k := range r.Checks {
				if k.Text == "" || k.Verdict == "" {
					t.Errorf("%+v", k)
				}
			}
		})
	}
}

// TestChecks_Groups has a score for each group, and none that a critical failure leaves.
func TestChecks_Groups(t *testing.T) {
	const file = "pass: 70\nmarginal: 20\nchecks:\n" +
		"- {name: a, group: errors, query: a, condition: 'true', critical: false}\n" +
		"- {name: b, group: errors, query: b, condition: 'false', critical: %v, weight: 3}\n" +
		"- {name: c, group: latency, query: c, condition: 'true', weight: 4}\n"
	for critical, want := range map[bool]struct {
		verdict Verdict
		said    string
	}{
		false: {Inconclusive, "Score 62.5 of 100: errors 25, latency 100."},
		true:  {Failed, "Score 0 of 100: "}, // at once, whatever the others have measured by then
	} {
		r := play(t, judgedBy(t, fmt.Sprintf(file, critical)), &stage{rollouts: []scene{{0, healthy("v2")}}, values: map[int]promql.Result{0: value(1)}})
		if r.Verdict != want.verdict || !strings.HasPrefix(r.scores(), want.said) {
			t.Errorf("critical %v: %s %s: %q, want %s %q", critical, r.Verdict, r.Message, r.scores(), want.verdict, want.said)
		}
	}
}

func TestChecks_Warnings(t *testing.T) {
	partial := value(0.01)
	partial.Warnings = []string{"a store did not answer"}
	r := play(t, judgedBy(t, fmt.Sprintf(threshold, "")), &stage{rollouts: []scene{{0, progressing("v2")}, {60, healthy("v2")}}, values: map[int]promql.Result{0: partial}})
	if r.Verdict != Passed || !slices.Equal(r.Warnings, []string{"Prometheus on check errors: a store did not answer"}) {
		t.Errorf("%s %q", r.Verdict, r.Warnings)
	}
}

func TestChecks_Template(t *testing.T) {
	const manifest = "kind: AnalysisTemplate\nmetadata: {name: t}\nspec: {%s metrics: [{name: m, interval: %s, count: %d, failureLimit: 1, successCondition: 'result[0] < 0.05', provider: {prometheus: {query: x}}}]}"
	for _, c := range []struct {
		name     string
		spec     string
		interval string
		count    int
		values   map[int]promql.Result
		errs     map[int]error
		verdict  Verdict
		reason   string
	}{
		{"one failure is allowed", "", "5s", 3, map[int]promql.Result{0: value(0.5), 3: value(0.01)}, nil, Passed, "healthy"},
		{"two are not", "", "5s", 3, map[int]promql.Result{0: value(0.5)}, nil, Failed, ReasonCheck},
		{"endless until the end", "", "5s", 0, map[int]promql.Result{0: value(0.01)}, nil, Passed, "healthy"},
		{"nothing to measure", "", "5s", 3, nil, nil, Inconclusive, ReasonNoData},
		{"errors are asked again after 10 s, whatever the interval", "", "30s", 3, map[int]promql.Result{0: value(0.01)}, map[int]error{0: errors.New("down"), 35: nil}, Passed, "healthy"},
		{"and five in a row are its end", "", "30s", 3, map[int]promql.Result{0: value(0.01)}, map[int]error{0: errors.New("down"), 45: nil}, Inconclusive, ReasonNoData},
		{"a dry run has no say", "dryRun: [{metricName: m}],", "5s", 3, map[int]promql.Result{0: value(0.5)}, nil, Inconclusive, ReasonNoEvidence},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := options()
			o.Query, o.Condition = "", ""
			if err := o.Gate.Add(gatefile.Template{}, fmt.Appendf(nil, manifest, c.spec, c.interval, c.count)); err != nil {
				t.Fatal(err)
			}
			r := play(t, o, &stage{rollouts: []scene{{0, progressing("v2")}, {60, healthy("v2")}}, values: c.values, errs: c.errs})
			if r.Verdict != c.verdict || r.Reason != c.reason {
				t.Errorf("%s %s: %s, want %s %s", r.Verdict, r.Reason, r.Message, c.verdict, c.reason)
			}
		})
	}
}

func paused(tag string) *rollout.State {
	s := progressing(tag)
	s.Canary, s.Steps = true, []rollout.Step{{Kind: "setWeight", Weight: 25}, {Kind: "pause", Forever: true}}
	s.Status.Phase, s.Status.Message, s.Status.StepIndex = rollout.Paused, "CanaryPauseStep", 1
	s.Status.Pauses = []rollout.Pause{{Reason: "CanaryPauseStep"}}
	return s
}

func TestGate_UntilAndPromote(t *testing.T) {
	good, bad := map[int]promql.Result{0: value(0.01)}, map[int]promql.Result{0: value(0.5)}
	for _, c := range []struct {
		name, until, onPass, onFail string
		values                      map[int]promql.Result
		verdict                     Verdict
		acted                       string
	}{
		{"a pause is no end by itself", "", "", "", good, Inconclusive, ""},
		{"unless it is what was waited for", "paused", "", "", good, Passed, ""},
		{"and can be left", "paused", "promote", "", good, Passed, "promoted"},
		{"but not by a bad one", "paused", "promote", "", bad, Failed, ""},
		{"which can be kept there", "paused", "promote", "pause", bad, Failed, "paused"},
		{"or taken back", "step:2", "", "abort", bad, Failed, "aborted"},
		{"a step is an end", "step:2", "", "", good, Passed, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := options()
			o.Until, o.OnPass, o.OnFail = c.until, c.onPass, c.onFail
			s := stage{rollouts: []scene{{0, healthy("v1")}, {3, progressing("v2")}, {9, paused("v2")}}, values: c.values}
			r := play(t, o, &s)
			if r.Verdict != c.verdict || r.Acted != c.acted || s.promoted != (c.acted == "promoted") || s.paused != (c.acted == "paused") || s.aborted != (c.acted == "aborted") {
				t.Errorf("%s %s: %s; %q, %+v", r.Verdict, r.Reason, r.Message, r.Acted, r.Warnings)
			}
		})
	}
}

// slow answers each query after the same time, and counts how many wait at once.
type slow struct {
	stage
	now, most atomic.Int64
}

func (s *slow) Query(ctx context.Context, query string) (promql.Result, error) {
	n := s.now.Add(1)
	defer s.now.Add(-1)
	for most := s.most.Load(); n > most && !s.most.CompareAndSwap(most, n); most = s.most.Load() {
	}
	time.Sleep(200 * time.Millisecond) // long enough that all are asked before the first one answers
	return value(0.01), nil
}

func TestChecks_AreAskedAtOnce(t *testing.T) {
	var b strings.Builder
	b.WriteString("checks:\n")
	for i := range 200 {
		fmt.Fprintf(&b, "- {name: c%d, query: q%d, condition: 'result[0] < 1', min-samples: 1}\n", i, i)
	}
	o := judgedBy(t, b.String())
	synctest.Test(t, func(t *testing.T) {
		s := &slow{stage: stage{rollouts: []scene{{0, healthy("v2")}}}}
		s.start = time.Now()
		p, err := o.check()
		if err != nil {
			t.Fatal(err)
		}
		r, err := run(t.Context(), p, s, s)
		if err != nil || r.Verdict != Passed {
			t.Fatalf("%v %s %s", err, r.Verdict, r.Message)
		}
		if took := r.End.Sub(r.Start); took > 260*time.Millisecond || s.most.Load() != 200 {
			t.Errorf("200 checks took %s, at most %d at once", took, s.most.Load())
		}
	})
}
