package canarygate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/buenhyden/hy-home/internal/judge"
)

// measure starts a measurement of each check that is due, all at once: a cap would
// make the slowest ones wait for one another.
func (g *gate) measure(ctx context.Context, now time.Time, out chan<- checked) {
	for i, c := range g.checks {
		if !g.mayMeasure(c) || now.Before(c.due) {
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
		}(g.shot(*g.state, now, c.queries...))
	}
}

func (g *gate) mayMeasure(c *check) bool {
	return g.ready && !c.measuring && g.judgeable() && c.open(g.end)
}

// open reports whether the check is to be measured at all. A comparison is made
// once, when the Rollout came to its target: to look again and again would find a
// difference by chance sooner or later.
func (c *check) open(end time.Time) bool {
	if c.Metric != nil && c.course.Phase.Complete() {
		return false
	}
	return c.Compare == nil || (!end.IsZero() && len(c.result.Measurements) == 0)
}

func (g *gate) resetChecks() {
	for _, c := range g.checks {
		c.result.Measurements, c.result.Comparison, c.course = nil, nil, judge.Course{}
		c.due, c.delayed = time.Time{}, time.Time{}
	}
}

// count takes a measurement in.
func (g *gate) count(m checked) {
	c := g.checks[m.index]
	c.measuring = false
	if m.hash != g.result.PodHash {
		return
	}
	c.count(m, g.end)
	for _, w := range m.warnings { // they change no outcome, as Argo has it
		if w = fmt.Sprintf("Prometheus on check %s: %s", c.Name, w); !slices.Contains(g.result.Warnings, w) {
			g.result.Warnings = append(g.result.Warnings, w)
		}
	}
	g.Progress(m.line(c.Name))
}

// count notes a measurement and when the next one is due; end is when the Rollout
// came to its target.
func (c *check) count(m checked, end time.Time) {
	c.result.Query = m.query
	c.result.Measurements = append(c.result.Measurements, m.Measurement)
	if m.comparison != nil {
		c.result.Comparison, c.result.Canary, c.result.Baseline = m.comparison, m.sides[0], m.sides[1]
	}
	if c.Metric != nil {
		c.course.Add(c.Metric.Metric, m.Outcome)
		if m.Outcome == judge.Error && !c.course.Phase.Complete() {
			c.due = m.Time.Add(errorRetry)
		}
	}
	if end.After(m.Time) {
		c.due = later(end, c.delayed)
	}
}

// line is a measurement in the log.
func (m checked) line(name string) string {
	line := name + ": " + strings.TrimSpace(m.Short()+" "+string(m.Outcome))
	if m.Message != "" {
		line += " (" + m.Message + ")"
	}
	return line
}

// errorRetry is when Argo tries again after an error, whatever the interval.
const errorRetry = 10 * time.Second

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
