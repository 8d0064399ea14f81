package canarygate

import (
	"context"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/buenhyden/hy-home/internal/promql"
	"github.com/buenhyden/hy-home/internal/report"
	"github.com/buenhyden/hy-home/internal/stat"
)

// baselineTimeout bounds what only a chart needs: the verdict is there already.
const baselineTimeout = 500 * time.Millisecond

// baselines asks what the queries of the canary would have given of the revision
// that it replaces, over the time in which it was measured. It decides nothing:
// it lets people see whether the canary is worse or all is.
func (g *gate) baselines(ctx context.Context) {
	if g.stable == "" || g.state == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, baselineTimeout)
	defer cancel()
	s := g.shot(*g.state, time.Now(), g.queries()...)
	s.fields["pod-hash"] = g.stable
	var all sync.WaitGroup
	ask := func(prom prometheus, q promql.Template, from, to time.Time, step time.Duration, into *[]report.Point) {
		query, err := s.side(q, g.stable)
		if err != nil || !strings.Contains(query, g.stable) || !to.After(from) {
			return
		}
		all.Go(func() {
			r, err := prom.QueryRange(ctx, query, from, to, step)
			if err != nil {
				g.Log.Debug("ask for the baseline", "error", err)
				return
			}
			*into = points(r)
		})
	}
	for _, c := range g.checks {
		if ms := c.result.Measurements; len(ms) > 0 && len(c.queries) == 1 && c.Compare == nil {
			ask(g.of(c), c.queries[0], ms[0].Time, ms[len(ms)-1].Time, time.Duration(c.Interval), &c.result.Baseline)
		}
	}
	all.Wait()
}

// queries are all that is asked.
func (g *gate) queries() []promql.Template {
	var all []promql.Template
	for _, c := range g.checks {
		all = append(all, c.queries...)
	}
	return all
}

// beside is what a value that failed alone is to be read by: what would have been
// good, and what the revision before gave at the same time.
func (g *gate) beside() string {
	var failed []*check
	for _, c := range g.checks {
		if c.result.Verdict == Failed && !c.result.DryRun {
			failed = append(failed, c)
		}
	}
	switch {
	case g.result.Reason == ReasonCondition: // which is named already
		return lastOf(failed[0].result.Baseline)
	case g.result.Reason != ReasonCheck || len(failed) != 1 || failed[0].Compare != nil || failed[0].Budget != nil:
		return ""
	}
	return "; good is " + failed[0].result.Condition + lastOf(failed[0].result.Baseline)
}

// lastOf is the end of a baseline, as the end of a sentence.
func lastOf(baseline []report.Point) string {
	for _, p := range slices.Backward(baseline) {
		if !math.IsNaN(p.Value) {
			return ", and the baseline has " + stat.Text(p.Value)
		}
	}
	return ""
}
