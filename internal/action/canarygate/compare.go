package canarygate

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/buenhyden/hy-home/internal/judge"
	"github.com/buenhyden/hy-home/internal/promql"
	"github.com/buenhyden/hy-home/internal/report"
	"github.com/buenhyden/hy-home/internal/stat"
)

// compare takes the values of both revisions over the same window.
func (c *check) compare(ctx context.Context, prom prometheus, s shot, m *checked) error {
	if s.stable == "" {
		m.Outcome, m.Message = judge.NoData, "there is no stable revision to compare with"
		return nil
	}
	start := s.began.Add(time.Duration(c.Compare.WarmUp))
	if !start.Before(m.Time) {
		m.Outcome, m.Message = judge.NoData, fmt.Sprintf("the canary is not older than its warm-up of %s", time.Duration(c.Compare.WarmUp))
		return nil
	}
	var values [2][]float64
	for i, hash := range []string{s.fields["pod-hash"], s.stable} {
		query, err := s.side(c.queries[0], hash)
		if err != nil {
			return err
		}
		if i == 0 {
			m.query = query
		}
		r, err := prom.QueryRange(ctx, query, start, m.Time, time.Duration(c.Compare.Step))
		if err != nil {
			return err
		}
		values[i], m.sides[i] = r.Values, points(r)
		m.warnings = append(m.warnings, r.Warnings...)
	}
	x := stat.Compare(values[0], values[1], c.Compare.Confidence)
	m.comparison, m.Value = &x, x.MedianX
	m.Text = fmt.Sprintf("%s against %s", stat.Text(x.MedianX), stat.Text(x.MedianY))
	m.Outcome = judge.Successful // it was made; what it means is ruled on with all others
	return nil
}

// points are the values of a range query for a chart, the mean of all series.
func points(r promql.Result) []report.Point {
	sum, n := map[time.Time]float64{}, map[time.Time]float64{}
	for _, s := range r.Series {
		for _, p := range s.Points {
			sum[p.Time] += p.Value
			n[p.Time]++
		}
	}
	var out []report.Point
	for _, at := range slices.SortedFunc(maps.Keys(sum), time.Time.Compare) {
		out = append(out, report.Point{Time: at, Value: sum[at] / n[at]})
	}
	return out
}

// burn compares the burn rate of each pair of windows with its limit.
func (c *check) burn(ctx context.Context, prom prometheus, s shot, m *checked) error {
	var said []string
	m.Outcome = judge.Successful
	for i, w := range c.Budget.Windows {
		var rates [2]float64
		for j := range 2 {
			query, err := s.side(c.queries[2*i+j], s.fields["pod-hash"])
			if err != nil {
				return err
			}
			m.query = query
			r, err := prom.Query(ctx, query)
			if err != nil {
				return err
			}
			m.warnings = append(m.warnings, r.Warnings...)
			if len(r.Values) != 1 || math.IsNaN(r.Values[0]) {
				m.Outcome, m.Message = judge.NoData, fmt.Sprintf("the share of errors over %s is %s, not one number", []string{w.Long, w.Short}[j], r)
				return nil
			}
			rates[j] = r.Values[0] / (1 - c.Budget.Objective/100)
		}
		if rates[0] > w.Burn && rates[1] > w.Burn {
			m.Outcome = judge.Failed
		}
		if i == 0 {
			m.Value = rates[0]
		}
		said = append(said, fmt.Sprintf("burn %s over %s and %s over %s (limit %g)", stat.Text(rates[0]), w.Long, stat.Text(rates[1]), w.Short, w.Burn))
	}
	m.Text = strings.Join(said, ", ")
	return nil
}
