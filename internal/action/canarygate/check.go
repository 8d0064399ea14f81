package canarygate

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/buenhyden/hy-home/internal/gatefile"
	"github.com/buenhyden/hy-home/internal/judge"
	"github.com/buenhyden/hy-home/internal/promql"
	"github.com/buenhyden/hy-home/internal/report"
	"github.com/buenhyden/hy-home/internal/rollout"
	"github.com/buenhyden/hy-home/internal/stat"
)

// CheckResult is one check with what became of it.
type CheckResult struct {
	Name, Group  string
	Own          bool         // it is the query of the inputs; all others are the gate file's
	Query        string       // as it was sent last, with the fields filled in
	Condition    string       // what a good result is, in words for a comparison
	Limit        *judge.Bound // for a line in a chart
	Verdict      Verdict
	Text         string // one sentence
	Weight       float64
	Critical     bool
	DryRun       bool
	Measurements []judge.Measurement
	Comparison   *stat.Comparison // of a comparison that was made
	Canary       []report.Point   // what it compared, for a chart
	Baseline     []report.Point   // also of a threshold whose query names the revision
}

// check is a check while it is measured. Its fields belong to the gate's loop.
type check struct {
	gatefile.Check
	condition judge.Condition
	queries   []promql.Template // one, or the long and short window of each pair of a budget
	course    judge.Course      // of an AnalysisTemplate's metric
	target    promql.Target     // of an AnalysisTemplate's own address
	prom      prometheus        // that it is asked at; nil is the gate's
	result    CheckResult
	due       time.Time
	delayed   time.Time // before which an AnalysisTemplate's metric is not measured
	measuring bool
}

// queryTimeout bounds one measurement, unless an AnalysisTemplate has its own.
const queryTimeout = 5 * time.Second

// timeout bounds one measurement.
func (c *check) timeout() time.Duration {
	if c.Metric != nil {
		return c.Metric.Timeout
	}
	return queryTimeout
}

// newChecks parses the queries of a gate file.
func newChecks(f gatefile.File) ([]*check, error) {
	var out []*check
	for _, c := range f.Checks {
		k, err := newCheck(c)
		if err != nil {
			return nil, fmt.Errorf("check %q: %w", c.Name, err)
		}
		out = append(out, k)
	}
	return out, nil
}

func newCheck(c gatefile.Check) (*check, error) {
	k := &check{Check: c, result: CheckResult{Name: c.Name, Group: c.Group, Weight: *c.Weight, Critical: *c.Critical, DryRun: c.Metric != nil && c.Metric.DryRun}}
	texts := []string{c.Query}
	switch {
	case c.Compare != nil:
		k.result.Condition = fmt.Sprintf("no %s against the baseline beyond %g %%", strings.Replace(c.Compare.Direction, "either", "change", 1), *c.Compare.Tolerance*100)
	case c.Budget != nil:
		texts = nil
		for _, w := range c.Budget.Windows {
			texts = append(texts, strings.ReplaceAll(c.Budget.Errors, "{{window}}", w.Long), strings.ReplaceAll(c.Budget.Errors, "{{window}}", w.Short))
		}
		k.result.Condition = fmt.Sprintf("the budget of %g %% does not burn too fast", c.Budget.Objective)
	case c.Condition+c.FailureCondition == "": // a template may have none: what can be read is good
		k.result.Condition = "any value"
	default:
		k.result.Condition = conditionText(c.Condition, c.FailureCondition)
		var err error
		if k.condition, err = judge.Compile(c.Condition, c.FailureCondition); err != nil {
			return nil, err
		}
		if limit, ok := k.condition.Bound(); ok {
			k.result.Limit = &limit
		}
	}
	for _, text := range texts {
		q, err := promql.ParseTemplate(text)
		if err != nil {
			return nil, fmt.Errorf("its query is %q: %w", text, err)
		}
		k.queries = append(k.queries, q)
	}
	return k, nil
}

// conditionText is what a good result is.
func conditionText(success, failure string) string {
	switch {
	case failure == "":
		return success
	case success == "":
		return "not (" + failure + ")"
	}
	return success + ", failed when " + failure
}

// shot is what a measurement of a check needs to know, taken when it starts.
type shot struct {
	fields promql.Fields
	stable string    // hash of the baseline; empty when there is none
	began  time.Time // when the canary was first there to be measured
	at     time.Time // when it is taken; of the past in a replay
}

// checked is a measurement of the check with this index.
type checked struct {
	index      int
	hash       string
	query      string
	comparison *stat.Comparison
	sides      [2][]report.Point // that it compared: canary and baseline
	warnings   []string          // of Prometheus, such as an answer that is only a part
	err        error             // why there is no answer
	judge.Measurement
}

// side renders a comparison's query for one revision.
func (s shot) side(q promql.Template, hash string) (string, error) {
	f := promql.Fields{}
	for k, v := range s.fields {
		f[k] = v
	}
	f["hash"], f["pods"] = hash, f["rollout"]+"-"+hash+"-.+"
	return q.Render(f)
}

// measure asks Prometheus for one check.
func (c *check) measure(ctx context.Context, prom prometheus, s shot) (m checked) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout())
	defer cancel()
	m = checked{hash: s.fields["pod-hash"], Measurement: judge.Measurement{Time: s.at, Value: math.NaN()}}
	var err error
	switch {
	case c.Compare != nil:
		err = c.compare(ctx, prom, s, &m)
	case c.Budget != nil:
		err = c.burn(ctx, prom, s, &m)
	default:
		err = c.threshold(ctx, prom, s, &m)
	}
	if err != nil {
		m.Outcome, m.Message, m.err = judge.Error, err.Error(), err
	}
	return m
}

func (c *check) threshold(ctx context.Context, prom prometheus, s shot, m *checked) error {
	var err error
	if m.query, err = s.side(c.queries[0], s.fields["pod-hash"]); err != nil {
		return err
	}
	var r promql.Result
	if c.Metric != nil && c.Metric.Range != nil {
		r, err = rangeOf(ctx, prom, m.query, *c.Metric.Range, s.at)
	} else {
		r, err = prom.Query(ctx, m.query)
	}
	if err != nil {
		return err
	}
	m.Text, m.warnings = r.String(), r.Warnings
	if len(r.Values) > 0 {
		m.Value = r.Values[0]
	}
	if c.Condition+c.FailureCondition == "" {
		m.Outcome = judge.Successful
		if len(r.Values) == 0 {
			m.Outcome, m.Message = judge.NoData, "the query gave no data"
		}
		return nil
	}
	m.Outcome, m.Message = c.condition.Judge(r.Value())
	return nil
}

func rangeOf(ctx context.Context, prom prometheus, query string, r gatefile.Range, at time.Time) (promql.Result, error) {
	start, err := judge.EvaluateTime(r.Start, at)
	if err != nil {
		return promql.Result{}, fmt.Errorf("rangeQuery.start %q: %w", r.Start, err)
	}
	end, err := judge.EvaluateTime(r.End, at)
	if err != nil {
		return promql.Result{}, fmt.Errorf("rangeQuery.end %q: %w", r.End, err)
	}
	step, err := time.ParseDuration(r.Step)
	if err != nil {
		return promql.Result{}, fmt.Errorf("rangeQuery.step %q: %w", r.Step, err)
	}
	return prom.QueryRange(ctx, query, start, end, step)
}

// shot is what a measurement that starts now needs of the gate.
func (g *gate) shot(s rollout.State, now time.Time, queries ...promql.Template) shot {
	f := promql.Fields{"pod-hash": s.Status.PodHash, "namespace": g.namespace, "rollout": g.name}
	if g.stable != "" {
		f["stable-hash"] = g.stable
	}
	for _, q := range queries {
		for _, path := range q.Paths() {
			f[path], _ = s.Field(path) // an empty value is refused where it is needed
		}
	}
	return shot{fields: f, stable: g.stable, began: g.began, at: now}
}
