package canarygate

import (
	"context"
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

func TestGate_AsksForTheRevision(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{start: time.Now(), rollouts: []scene{{0, progressing("v2")}, {3, healthy("v2")}}, values: map[int]promql.Result{0: value(0)}}
		p, _ := options().check()
		if _, err := run(t.Context(), p, s, s); err != nil {
			t.Fatal(err)
		}
		if s.queries[0] != `errors{hash="h-v2"}` {
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
			if c.abort {
				o.OnFail = "abort"
			}
			p, _ := o.check()
			r, err := run(t.Context(), p, s, s)
			if err != nil || r.Verdict != Failed || s.aborted != c.want || (r.Acted == "aborted") != c.want {
				t.Errorf("%s: %s, aborted %v, %v", name, r.Verdict, s.aborted, err)
			}
		})
	}
}

// TestGate_BadQueryIsBadInput has a query that Prometheus does not understand, in
// each of the places where one can stand. Where it parses on request nothing is
// waited for; else the first measurement tells.
func TestGate_BadQueryIsBadInput(t *testing.T) {
	for name, c := range map[string]struct {
		options Options
		said    string
		late    int // second in which the first measurement is made
	}{
		"of the inputs":   {func() Options { o := options(); o.Query = "sum(x"; return o }(), `input query is "sum(x", which Prometheus refuses: parse error`, 20},
		"of a threshold":  {judgedBy(t, "checks: [{name: c, query: sum(x, condition: 'result[0] < 1'}]"), `check "c" asks "sum(x"`, 20},
		"of a comparison": {judgedBy(t, "checks: [{name: c, query: 'sum(x{{hash}}', compare: {direction: increase, warm-up: 1s}}]"), `check "c" asks "sum(x{{hash}}"`, 60},
		"of a budget":     {judgedBy(t, "checks: [{name: c, budget: {objective: 99, errors: 'sum(x[{{window}}]'}}]"), `check "c" asks "sum(x[{{window}}]"`, 20},
	} {
		for parses, second := range map[bool]int{true: 0, false: c.late} {
			synctest.Test(t, func(t *testing.T) {
				s := &stage{start: time.Now(), rollouts: []scene{{0, healthy("v1")}, {20, progressing("v2")}, {60, healthy("v2")}}, refuses: "sum(x", parses: parses}
				p, err := c.options.check()
				if err != nil {
					t.Fatal(err)
				}
				if _, err := run(t.Context(), p, s, s); exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), c.said) || strings.Contains(err.Error(), "\n") {
					t.Errorf("%s: %v", name, err)
				}
				if s.second() != second {
					t.Errorf("%s: after %d s, want %d s", name, s.second(), second)
				}
			})
		}
	}
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
		o := options()
		o.Measurements = 2
		if !measures {
			o.Prometheus, o.Query, o.Condition = "", "", ""
		}
		p, err := o.check()
		if err != nil {
			t.Fatal(err)
		}
		base := time.Unix(1000, 0)
		var end time.Time
		if ended {
			end = base
		}
		all := []judge.Outcome{judge.Successful, judge.Failed, judge.NoData, judge.Error, judge.Inconclusive}
		var measurements []judge.Measurement
		for i, o := range outcomes {
			measurements = append(measurements, judge.Measurement{Time: base.Add(time.Duration(i) * time.Second), Outcome: all[int(o)%len(all)]})
		}
		if measures {
			p.checks[0].result.Measurements = measurements
		}
		facts := facts{decision: d, checks: p.sum(end)}
		c := conclude(facts)
		good := judge.Count(measurements)
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
		if !slices.Contains(lines, "Progressing (more replicas need to be updated), step 1 of 2, 25 %") || !slices.Contains(lines, "query: [0] Successful") {
			t.Errorf("%s", fmt.Sprint(strings.Join(lines, "\n")))
		}
	})
}
