package canarygate

import (
	"context"
	"strings"
	"time"

	"github.com/buenhyden/hy-home/internal/gatefile"
	"github.com/buenhyden/hy-home/internal/promql"
)

// queryTimeout bounds one measurement.
const queryTimeout = 5 * time.Second

// measure asks for the query as for a threshold of the gate file.
func (g *gate) measure(ctx context.Context, s shot) checked {
	own := check{
		Check:     gatefile.Check{Condition: g.Condition, FailureCondition: g.FailureCondition},
		condition: g.condition, queries: []promql.Template{g.query},
	}
	return own.measure(ctx, g.prom, s)
}

// count takes a measurement in.
func (g *gate) count(m checked) {
	g.measuring = false
	if m.hash != g.result.PodHash {
		return
	}
	g.result.Query = m.query
	g.result.Measurements = append(g.result.Measurements, m.Measurement)
	if g.end.After(m.Time) {
		g.due = g.end // it began before the end: one more is due at once
	}
	g.Progress(m.line("query"))
}

// line is a measurement in the log.
func (m checked) line(name string) string {
	line := name + ": " + strings.TrimSpace(m.Text+" "+string(m.Outcome))
	if m.Message != "" {
		line += " (" + m.Message + ")"
	}
	return line
}
