package canarygate

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/buenhyden/hy-home/internal/promql"
	"github.com/buenhyden/hy-home/internal/report"
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
	s := g.shot(*g.state, time.Now())
	s.fields["pod-hash"] = g.stable
	var all sync.WaitGroup
	ask := func(q promql.Template, from, to time.Time, step time.Duration, into *[]report.Point) {
		query, err := s.side(q, g.stable)
		if err != nil || !strings.Contains(query, g.stable) || !to.After(from) {
			return
		}
		all.Go(func() {
			r, err := g.prom.QueryRange(ctx, query, from, to, step)
			if err != nil {
				g.Log.Debug("ask for the baseline", "error", err)
				return
			}
			*into = points(r)
		})
	}
	if ms := g.result.Measurements; len(ms) > 0 {
		ask(g.query, ms[0].Time, ms[len(ms)-1].Time, g.Interval, &g.result.Baseline)
	}
	for _, c := range g.checks {
		if ms := c.result.Measurements; len(ms) > 0 && len(c.queries) == 1 && c.Compare == nil {
			ask(c.queries[0], ms[0].Time, ms[len(ms)-1].Time, time.Duration(c.Interval), &c.result.Baseline)
		}
	}
	all.Wait()
}
