package canarygate

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/buenhyden/hy-home/internal/gatefile"
	"github.com/buenhyden/hy-home/internal/judge"
	"github.com/buenhyden/hy-home/internal/stat"
)

// rule says how one check stands; end is when the Rollout came to its target.
// P is the corrected p of a comparison, NaN while not all of them are made.
func (c *check) rule(end time.Time, p float64) (judge.Ruling, string) {
	ms := c.result.Measurements
	if c.Metric != nil {
		return c.ruleMetric(end)
	}
	if x := c.result.Comparison; x != nil {
		if math.IsNaN(p) {
			return judge.More, "the other comparisons are not made yet"
		}
		r := stat.Rule{Direction: c.Compare.Direction, Tolerance: *c.Compare.Tolerance, MinSamples: c.MinSamples, Confidence: c.Compare.Confidence}
		got, why := r.Judge(*x, p)
		switch got {
		case stat.Worse:
			return judge.Bad, why
		case stat.TooFew:
			return c.without(c.OnNoData, why)
		}
		return judge.Good, why
	}
	limits := judge.Limits{Successful: c.MinSamples, Failed: c.FailureLimit, Unanswered: unanswered}
	if c.Compare != nil { // once is enough: what was not there does not come back
		limits = judge.Limits{Successful: 1, Unanswered: 0}
	}
	ruling, why := judge.Rule(ms, limits, end)
	if ruling == judge.Never {
		return c.unanswered(ms[len(ms)-1], why)
	}
	return ruling, why
}

// ruleMetric goes by Argo's limits, and demands evidence beside them.
func (c *check) ruleMetric(end time.Time) (judge.Ruling, string) {
	ms := c.result.Measurements
	if len(ms) == 0 {
		return judge.More, "not measured yet"
	}
	last := ms[len(ms)-1]
	tally := fmt.Sprintf("%d good, %d failed, %d inconclusive, %d without an answer, the last %s", c.course.Successful, c.course.Failed, c.course.Inconclusive, c.course.Errors, last.Short())
	endless := c.Metric.Wanted() == 0 && !end.IsZero() && !last.Time.Before(end)
	switch c.course.Phase {
	case judge.Failed:
		return judge.Bad, tally
	case judge.Inconclusive:
		return judge.Never, tally
	case judge.Error:
		return c.unanswered(last, tally+": "+last.Message)
	case judge.Successful:
		return judge.Good, tally
	}
	if endless && last.Outcome == judge.Successful && c.course.Enough(c.Metric.Metric) {
		return judge.Good, tally
	}
	return judge.More, tally
}

func (c *check) unanswered(last judge.Measurement, why string) (judge.Ruling, string) {
	switch last.Outcome {
	case judge.NoData:
		return c.without(c.OnNoData, why)
	case judge.Error:
		return c.without(c.OnError, why)
	}
	return judge.Never, why
}

func (c *check) without(p gatefile.Policy, why string) (judge.Ruling, string) {
	switch p {
	case gatefile.Fail:
		return judge.Bad, why
	case gatefile.Pass:
		return judge.Good, why + " (which passes, as the gate file has it)"
	}
	return judge.Never, why
}

// summing is what all checks say together.
type summing struct {
	any    bool
	final  bool // a critical failure, which nothing that is open can mend
	ruling judge.Ruling
	reason string // of Bad and Never
	text   string
	score  float64
	groups []Group
}

// Group is a group of checks with their score out of 100.
type Group struct {
	Name  string  `json:"name"`
	Score float64 `json:"score"`
}

// weighing adds up what a score is made of.
type weighing struct{ got, total float64 }

func (w *weighing) add(weight float64, good bool) {
	w.total += weight
	if good {
		w.got += weight
	}
}

// score is out of 100, which is also that of nothing.
func (w weighing) score() float64 {
	if w.total == 0 {
		return 100
	}
	return math.Round(w.got/w.total*10000) / 100
}

// sum rules on every check, notes it in its result and adds up the scores. A
// critical failure counts at once and makes the score 0, everything else counts
// when nothing is open. End is when the Rollout came to its target; zero means not
// yet.
func (p *plan) sum(end time.Time) summing {
	out := summing{ruling: judge.Good, reason: ReasonNoData}
	adjusted := p.corrected()
	var all weighing
	groups, names := map[string]*weighing{}, []string{}
	var open, never, bad []string
	for i, c := range p.checks {
		ruling, why := c.rule(end, adjusted[i])
		c.result.Text = why
		c.result.Verdict = map[judge.Ruling]Verdict{judge.Good: Passed, judge.Bad: Failed}[ruling]
		if c.result.Verdict == "" {
			c.result.Verdict = Inconclusive
		}
		if c.result.DryRun {
			continue
		}
		out.any = true
		all.add(c.result.Weight, ruling == judge.Good)
		if g := c.result.Group; g != "" {
			if groups[g] == nil {
				groups[g], names = &weighing{}, append(names, g)
			}
			groups[g].add(c.result.Weight, ruling == judge.Good)
		}
		said, failed := c.Name+": "+why, ReasonCheck
		if c.result.Own {
			said, failed = why, ReasonCondition
		}
		switch {
		case ruling == judge.Good:
		case ruling == judge.Bad && c.result.Critical:
			if !out.final { // the first one is the cause
				out.final, out.ruling, out.reason, out.text = true, judge.Bad, failed, said
			}
		case ruling == judge.Bad:
			bad = append(bad, said)
		case ruling == judge.More:
			open = append(open, said)
		case c.result.Critical:
			never = append(never, said)
		default:
			bad = append(bad, said)
		}
	}
	for _, name := range names {
		out.groups = append(out.groups, Group{name, groups[name].score()})
	}
	if out.final {
		return out
	}
	out.score = all.score()
	scored := fmt.Sprintf("score %g of 100, %g passes", out.score, p.pass)
	if len(p.checks) == 1 && p.checks[0].result.Own { // it has no score
		scored = p.checks[0].result.Text
	}
	switch {
	case len(open) > 0:
		out.ruling, out.text = judge.More, few(open)
	case len(never) > 0:
		out.ruling, out.text = judge.Never, few(never)
	case out.score >= p.pass:
		out.text = scored
	case out.score >= p.marginal:
		out.ruling, out.reason, out.text = judge.Never, ReasonMarginal, scored+", marginal: "+few(bad)
	default:
		out.ruling, out.reason, out.text = judge.Bad, ReasonCheck, scored+": "+few(bad)
	}
	return out
}

// few is what the first of many checks say, as a part of one sentence: the table
// of the report has them all.
func few(said []string) string {
	const most = 3
	if len(said) > most {
		return fmt.Sprintf("%s; and %d more", strings.Join(said[:most], "; "), len(said)-most)
	}
	return strings.Join(said, "; ")
}

// corrected is the p of each comparison after Holm, NaN for all until each has
// had its turn: the correction needs to know how many there are.
func (p *plan) corrected() []float64 {
	out := make([]float64, len(p.checks))
	var raw []float64
	waiting := false
	for i, c := range p.checks {
		out[i] = math.NaN()
		if c.Compare == nil {
			continue
		}
		waiting = waiting || len(c.result.Measurements) == 0
		if x := c.result.Comparison; x != nil {
			raw = append(raw, x.P)
		}
	}
	if waiting {
		return out
	}
	adjusted := stat.Holm(raw)
	for i, c := range p.checks {
		if c.result.Comparison != nil {
			out[i], adjusted = adjusted[0], adjusted[1:]
		}
	}
	return out
}
