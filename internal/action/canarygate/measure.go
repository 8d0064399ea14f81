package canarygate

import (
	"context"
	"math"
	"time"

	"github.com/buenhyden/hy-home/internal/judge"
	"github.com/buenhyden/hy-home/internal/promql"
)

// queryTimeout bounds one measurement.
const queryTimeout = 5 * time.Second

// taken is a measurement with the revision that it was taken of.
type taken struct {
	judge.Measurement
	hash, query string
}

// measure asks Prometheus once.
func (g *gate) measure(ctx context.Context, s shot) taken {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	m := taken{hash: s.fields["pod-hash"], Measurement: judge.Measurement{Time: s.at, Value: math.NaN()}}
	var err error
	if m.query, err = s.side(g.query, s.fields["pod-hash"]); err == nil {
		var r promql.Result
		if r, err = g.prom.Query(ctx, m.query); err == nil {
			m.Text = r.String()
			if len(r.Values) > 0 {
				m.Value = r.Values[0]
			}
			m.Outcome, m.Message = g.condition.Judge(r.Value())
		}
	}
	if err != nil {
		m.Outcome, m.Message = judge.Error, err.Error()
	}
	return m
}

// count takes a measurement in.
func (g *gate) count(m taken) {
	g.measuring = false
	if m.hash != g.result.PodHash {
		return
	}
	g.result.Query = m.query
	g.result.Measurements = append(g.result.Measurements, m.Measurement)
	if g.end.After(m.Time) {
		g.due = g.end // it began before the end: one more is due at once
	}
	line := "measured " + m.Text
	if m.Text == "" {
		line = "not measured"
	}
	line += ": " + string(m.Outcome)
	if m.Message != "" {
		line += " (" + m.Message + ")"
	}
	g.Progress(line)
}
