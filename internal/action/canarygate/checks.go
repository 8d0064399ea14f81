package canarygate

import (
	"context"
	"time"

	"github.com/buenhyden/hy-home/internal/judge"
)

// askChecks starts a measurement of each check that is due, all at once: a cap
// would make the slowest ones wait for one another.
func (g *gate) askChecks(ctx context.Context, now time.Time, out chan<- checked) {
	for i, c := range g.checks {
		if !g.mayCheck(c) || now.Before(c.due) {
			continue
		}
		if c.Metric != nil && c.delayed.IsZero() {
			if c.delayed = now.Add(c.Metric.Delay); c.Metric.Delay > 0 {
				c.due = c.delayed
				continue
			}
		}
		c.measuring, c.due = true, now.Add(time.Duration(c.Interval))
		go func(s shot) {
			m := c.measure(ctx, g.of(c), s)
			m.index = i
			out <- m
		}(g.shot(*g.state, c.queries...))
	}
}

// mayCheck: a comparison is made once, at the end. To look again and again would
// find a difference by chance sooner or later.
func (g *gate) mayCheck(c *check) bool {
	if !g.ready || c.measuring || !g.judgeable() || (c.Metric != nil && c.course.Phase.Complete()) {
		return false
	}
	return c.Compare == nil || (!g.end.IsZero() && len(c.result.Measurements) == 0)
}

func (g *gate) resetChecks() {
	for _, c := range g.checks {
		c.result.Measurements, c.result.Comparison, c.course = nil, nil, judge.Course{}
		c.due, c.delayed = time.Time{}, time.Time{}
	}
}

// countCheck takes a measurement of a check in.
func (g *gate) countCheck(m checked) {
	c := g.checks[m.index]
	c.measuring = false
	if m.hash != g.result.PodHash {
		return
	}
	c.result.Query = m.query
	c.result.Measurements = append(c.result.Measurements, m.Measurement)
	if m.comparison != nil {
		c.result.Comparison = m.comparison
	}
	if c.Metric != nil {
		c.course.Add(c.Metric.Metric, m.Outcome)
		if m.Outcome == judge.Error && !c.course.Phase.Complete() {
			c.due = m.Time.Add(errorRetry)
		}
	}
	if g.end.After(m.Time) {
		c.due = later(g.end, c.delayed)
	}
	line := c.Name + ": " + m.Text + " " + string(m.Outcome)
	if m.Message != "" {
		line += " (" + m.Message + ")"
	}
	g.Progress(line)
}

// errorRetry is when Argo tries again after an error, whatever the interval.
const errorRetry = 10 * time.Second

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
