package report

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// plot is a chart of the page. The lines are drawn in a box of plotWidth by
// plotHeight that the browser stretches; texts stand outside of that box, at
// percentages.
type plot struct {
	Title, Summary string
	Lines          []plotLine
	YTicks         []plotTick
	XTicks         []tick
	Limit          *plotLimit
	Bands          []plotBand
	Marks          []plotMark
	Values         Table // the same for those who cannot see the lines
}

type plotLine struct {
	Hue        int
	Name, Last string
	Path       string
}

type plotTick struct {
	Y     float64
	Label string
}

type plotLimit struct {
	Y        float64
	Label    string
	From, To float64 // where it is bad to be
}

type plotBand struct {
	X, Width, Middle string
	Label            string // empty where there is no room for it
	Odd              bool
}

type plotMark struct {
	X     string
	Label string
	End   bool
	Y     int
}

const (
	plotWidth  = 1000
	plotHeight = 180 // px as well: the box is stretched across only
	plotPoints = 500 // per line: more than a screen shows
	plotRows   = 30  // of the table beside it

	plotColumns = 90 // characters that fit across a plot on a narrow window
)

func newPlot(c Chart) plot {
	start, end := c.span()
	total := end.Sub(start)
	scale := ticks(c.top(), 4)
	top := scale[len(scale)-1]
	y := func(v float64) float64 { return math.Round((plotHeight-plotHeight*v/top)*10) / 10 }
	p := plot{Title: clean(c.Title), Values: Table{Header: []string{"Time"}}}
	for _, v := range scale {
		p.YTicks = append(p.YTicks, plotTick{y(v), number(v, c.Unit)})
	}
	percent := func(share float64) float64 { return min(100, max(0, 100*share)) }
	if total > 0 {
		for i, t := range timeTicks(total, 6) {
			x := percent(float64(t) / float64(total))
			p.XTicks = append(p.XTicks, tick{pct(x), offset(t), x > 94, i%2 == 1})
		}
	}
	if c.Limit != nil && !math.IsNaN(c.Limit.Value) && c.Limit.Value >= 0 && c.Limit.Value <= top {
		p.Limit = &plotLimit{y(c.Limit.Value), strings.TrimSpace(clean(c.Limit.Name) + " " + number(c.Limit.Value, c.Unit)), 0, y(c.Limit.Value)}
		if c.Limit.AtLeast {
			p.Limit.From, p.Limit.To = p.Limit.Y, plotHeight-p.Limit.Y
		}
	}
	var told []string
	for i, b := range c.Bands {
		if total <= 0 || !b.End.After(start) || !b.Start.Before(end) {
			continue
		}
		from, to := percent(float64(b.Start.Sub(start))/float64(total)), percent(float64(b.End.Sub(start))/float64(total))
		band := plotBand{X: pct(from), Width: pct(to - from), Middle: pct((from + to) / 2), Odd: i%2 == 1}
		if name := clean(b.Name); float64(columns(name)) < (to-from)*plotColumns/100 {
			band.Label = name
		}
		p.Bands = append(p.Bands, band)
		told = append(told, fmt.Sprintf("%s to %s: %s", offset(max(0, b.Start.Sub(start))), offset(b.End.Sub(start)), clean(b.Name)))
	}
	for i, m := range c.Marks {
		if total <= 0 {
			break
		}
		x := percent(float64(m.Time.Sub(start)) / float64(total))
		p.Marks = append(p.Marks, plotMark{pct(x), clean(m.Name), x > 60, 12 + 14*(i%3)})
	}
	sampled := make([][]float64, len(c.Series))
	for i, s := range c.Series {
		last := strings.TrimPrefix(lastValue(s, c.Unit), "last ")
		p.Lines = append(p.Lines, plotLine{i % hues, clean(s.Name), last, path(c, s, y)})
		p.Values.Header = append(p.Values.Header, clean(s.Name))
		sampled[i] = resample(s.Points, start, end, plotRows)
		told = append(told, clean(s.Name)+" ends at "+last)
	}
	p.Summary = strings.Join(told, "; ")
	if p.Limit != nil {
		p.Summary += "; " + p.Limit.Label
	}
	for n := 0; n < plotRows && len(c.Series) > 0; n++ {
		row := []string{offset(total * time.Duration(2*n+1) / (2 * plotRows))}
		for i := range sampled {
			row = append(row, number(sampled[i][n], c.Unit))
		}
		p.Values.Rows = append(p.Values.Rows, row)
	}
	return p
}

// path draws the points of a series as an SVG path; a gap lifts the pen. A
// point alone becomes a line of no length, which round caps show as a dot.
func path(c Chart, s Series, y func(float64) float64) string {
	start, end := c.span()
	total := float64(end.Sub(start))
	points := s.Points
	if len(points) > plotPoints {
		values := resample(points, start, end, plotPoints)
		points = make([]Point, plotPoints)
		for i, v := range values {
			points[i] = Point{start.Add(end.Sub(start) * time.Duration(i) / (plotPoints - 1)), v}
		}
	}
	var b strings.Builder
	pen, alone := false, false
	for _, p := range points {
		if math.IsNaN(p.Value) || math.IsInf(p.Value, 0) {
			if alone {
				b.WriteString("h0.01")
			}
			pen, alone = false, false
			continue
		}
		x := 0.0
		if total > 0 {
			x = plotWidth * float64(p.Time.Sub(start)) / total
		}
		command := "L"
		if !pen {
			command = "M"
		}
		fmt.Fprintf(&b, "%s%.1f %.1f", command, x, y(math.Max(0, p.Value)))
		alone = !pen
		pen = true
	}
	if alone {
		b.WriteString("h0.01")
	}
	return b.String()
}
