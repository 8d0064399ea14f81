package canarygate

import (
	"fmt"
	"time"

	"github.com/buenhyden/hy-home/internal/report"
)

// mostCharts bounds a summary, which GitHub cuts at 1 MiB.
const mostCharts = 12

// charts draws what was measured over the steps of the Rollout: failed checks
// first, since they are what is looked for.
func (r Result) charts() []report.Chart {
	var out []report.Chart
	add := func(c report.Chart) {
		if len(out) < mostCharts && len(c.Series) > 0 && len(c.Series[0].Points) > 1 {
			out = append(out, r.overSteps(c))
		}
	}
	for _, failed := range []bool{true, false} {
		for _, c := range r.Checks {
			if (c.Verdict == Failed) == failed {
				add(c.chart())
			}
		}
	}
	return out
}

// chart draws one check: what a comparison compared, or what was measured.
func (c CheckResult) chart() report.Chart {
	if c.Comparison != nil {
		return report.Chart{Title: c.Name, Series: []report.Series{{Name: "canary", Points: c.Canary}, {Name: "baseline", Points: c.Baseline}}}
	}
	out := report.Chart{Title: c.Name, Series: []report.Series{{Name: "canary"}}}
	for _, m := range c.Measurements {
		out.Series[0].Points = append(out.Series[0].Points, report.Point{Time: m.Time, Value: m.Value})
	}
	if len(c.Baseline) > 0 {
		out.Series = append(out.Series, report.Series{Name: "baseline", Points: c.Baseline})
	}
	if c.Limit != nil {
		out.Limit = &report.Limit{Name: "limit", Value: c.Limit.Value, AtLeast: c.Limit.AtLeast}
	}
	return out
}

// overSteps lays the steps of the Rollout under a chart, from its first value to its last.
// Steps of one share of the traffic are one band: those that only set it last no time.
func (r Result) overSteps(c report.Chart) report.Chart {
	var first, last time.Time
	for _, s := range c.Series {
		for _, p := range s.Points {
			if first.IsZero() || p.Time.Before(first) {
				first = p.Time
			}
			if p.Time.After(last) {
				last = p.Time
			}
		}
	}
	for i, change := range r.Changes {
		end := last
		if i+1 < len(r.Changes) && r.Changes[i+1].Time.Before(last) {
			end = r.Changes[i+1].Time
		}
		name := ""
		switch {
		case change.Weight > 0:
			name = fmt.Sprintf("%d %%", change.Weight)
		case change.Step > 0:
			name = fmt.Sprintf("step %d", change.Step)
		}
		if name == "" || !end.After(first) || !end.After(change.Time) {
			continue
		}
		if n := len(c.Bands); n > 0 && c.Bands[n-1].Name == name && !change.Time.After(c.Bands[n-1].End) {
			c.Bands[n-1].End = end
			continue
		}
		start := change.Time
		if start.Before(first) {
			start = first
		}
		c.Bands = append(c.Bands, report.Band{Start: start, End: end, Name: name})
	}
	return c
}
