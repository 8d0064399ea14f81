package report

import (
	"math"
	"slices"
	"strings"
	"time"
)

// span returns the times of the chart's first and last point or mark.
func (c Chart) span() (start, end time.Time) {
	see := func(t time.Time) {
		if start.IsZero() || t.Before(start) {
			start = t
		}
		if t.After(end) {
			end = t
		}
	}
	for _, s := range c.Series {
		for _, p := range s.Points {
			see(p.Time)
		}
	}
	for _, m := range c.Marks {
		see(m.Time)
	}
	return start, end
}

// top returns the value at the upper edge: the largest of values and limit,
// never 0. The lower edge is 0 for everything drawn here: shares, rates and
// seconds; a cut axis would make noise look like news.
func (c Chart) top() float64 {
	top := 0.0
	if c.Limit != nil && !math.IsInf(c.Limit.Value, 0) {
		top = max(top, c.Limit.Value*1.25)
	}
	for _, s := range c.Series {
		for _, p := range s.Points {
			if !math.IsNaN(p.Value) && !math.IsInf(p.Value, 0) {
				top = max(top, p.Value)
			}
		}
	}
	if !(top > 0) {
		return 1
	}
	return top
}

// ticks returns at most n+1 round values from 0 up to top or a little above it:
// steps of 1, 2 or 5 times a power of ten.
func ticks(top float64, n int) []float64 {
	raw := top / float64(n)
	power := math.Pow(10, math.Floor(math.Log10(raw)))
	step := 10 * power
	for _, m := range []float64{1, 2, 5} {
		if m*power >= raw*0.999 {
			step = m * power
			break
		}
	}
	out := []float64{0}
	for i := 1; out[len(out)-1] < top*0.999 && i <= 2*n; i++ {
		out = append(out, float64(i)*step)
	}
	return out
}

// timeTicks returns round times after start, at most n of them.
func timeTicks(total time.Duration, n int) []time.Duration {
	steps := []time.Duration{
		time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
		time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour,
	}
	step := steps[len(steps)-1]
	for _, s := range steps {
		if total/s <= time.Duration(n) {
			step = s
			break
		}
	}
	step *= max(1, total/step/time.Duration(n))
	var out []time.Duration
	for t := time.Duration(0); t <= total; t += step {
		out = append(out, t)
	}
	return out
}

// resample returns n values at even distances between start and end: the mean
// of the points in each slot, the last value where a slot has no point, NaN
// before the first point.
func resample(points []Point, start, end time.Time, n int) []float64 {
	out := slices.Repeat([]float64{math.NaN()}, n)
	counts := make([]int, n)
	total := end.Sub(start)
	for _, p := range points {
		i := 0
		if total > 0 {
			i = min(n-1, int(float64(p.Time.Sub(start))/float64(total)*float64(n)))
		}
		if i < 0 || math.IsNaN(p.Value) || math.IsInf(p.Value, 0) {
			continue
		}
		if counts[i] == 0 {
			out[i] = 0
		}
		counts[i]++
		out[i] += (p.Value - out[i]) / float64(counts[i])
	}
	for i := 1; i < n; i++ {
		if counts[i] == 0 {
			out[i] = out[i-1]
		}
	}
	return out
}

// sparkline draws values between 0 and top with block characters; a gap is a dot.
func sparkline(values []float64, top float64) string {
	blocks := []rune("▁▂▃▄▅▆▇█")
	var b strings.Builder
	for _, v := range values {
		if math.IsNaN(v) {
			b.WriteRune('·')
			continue
		}
		i := int(math.Round(v / top * float64(len(blocks)-1)))
		b.WriteRune(blocks[min(len(blocks)-1, max(0, i))])
	}
	return b.String()
}
