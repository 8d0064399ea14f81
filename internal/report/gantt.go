package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// gantt is the timeline of the page: one row per step under the heading of its
// lane. Across, everything is a percentage, so that the text keeps its size at
// any width; down, everything is pixels.
type gantt struct {
	Height int
	Rows   []ganttRow
	Bars   []ganttBar
	Ticks  []tick
	Total  string
}

type ganttRow struct {
	Heading  bool
	Text     string
	Index    int // of the step
	Critical bool
	Status   Status
}

type ganttBar struct {
	Index       int // of the step
	Hue         int // of its lane
	Status      Status
	Quiet       bool // nothing changed
	Critical    bool
	Y, TextY    int
	X, Width    string
	TextX       string
	TextEnd     bool // the text stands before the bar
	Label, Took string
	Tip         string
	TipY        int
	Edges       []edge
}

// edge runs down or up from the row of a need to the row of the step, at the
// moment the need was done, and then across to the step's start.
type edge struct {
	X, X2    string
	Y, Y2    int
	Critical bool
}

type tick struct {
	X     string
	Label string
	End   bool // the text stands before the line
	Odd   bool // left out where the window is narrow
}

const (
	rowHeight = 28 // px
	barHeight = 14 // px
	axisRoom  = 24 // px, for the labels of the axis on top
	hues      = 6  // colours of lanes in the style sheet
)

func newGantt(r Report) gantt {
	start, end := r.span()
	total := end.Sub(start)
	critical := criticalPath(r.Steps)
	percent := func(t time.Time) float64 {
		if total <= 0 {
			return 0
		}
		return min(100, max(0, 100*float64(t.Sub(start))/float64(total)))
	}
	g := gantt{Height: axisRoom, Total: seconds(total)}
	lanes := laneOrder(r.Steps)
	y := map[string]int{} // middle of each step's row
	for _, lane := range lanes {
		if lane != "" {
			g.Rows = append(g.Rows, ganttRow{Heading: true, Text: clean(lane)})
			g.Height += rowHeight
		}
		for i, s := range r.Steps {
			if s.Lane != lane {
				continue
			}
			g.Rows = append(g.Rows, ganttRow{Text: clean(s.Name), Index: i, Critical: critical[s.Name], Status: s.Status})
			y[s.Name] = g.Height + rowHeight/2
			g.Height += rowHeight
		}
	}
	done := make(map[string]Step, len(r.Steps))
	for _, s := range r.Steps {
		done[s.Name] = s
	}
	for i, s := range r.Steps {
		stop := s.End
		if s.Start.IsZero() {
			continue
		}
		if stop.IsZero() {
			stop = end
		}
		x, x2 := percent(s.Start), percent(stop)
		b := ganttBar{
			Index: i, Hue: slices.Index(lanes, s.Lane) % hues, Status: s.Status, Quiet: s.Detail == "unchanged",
			Critical: critical[s.Name], Y: y[s.Name] - barHeight/2, TextY: y[s.Name], X: pct(x), Width: pct(max(x2-x, 0.15)),
			TextX: pct(x2), Took: seconds(s.Took()), Label: label(s), TipY: y[s.Name] + barHeight/2 + 4,
			Tip: fmt.Sprintf("%s to %s", offset(s.Start.Sub(start)), offset(stop.Sub(start))),
		}
		if x2 > 88 {
			b.TextX, b.TextEnd = pct(x), true
			if x < 12 { // no room on either side: at the end of the bar, over it
				b.TextX = pct(x2)
			}
		}
		for _, need := range s.Needs {
			n, ok := done[need]
			if !ok || n.End.IsZero() {
				continue
			}
			b.Edges = append(b.Edges, edge{X: pct(percent(n.End)), X2: pct(x), Y: y[need], Y2: y[s.Name],
				Critical: critical[s.Name] && critical[need] && last(s, done) == need})
		}
		g.Bars = append(g.Bars, b)
	}
	for i, t := range timeTicks(total, 8) {
		x := percent(start.Add(t))
		g.Ticks = append(g.Ticks, tick{pct(x), offset(t), x > 94, i%2 == 1})
	}
	return g
}

// label is what a screen reader says of a bar.
func label(s Step) string {
	text := fmt.Sprintf("%s: %s, %s", clean(s.Name), s.Status, seconds(s.Took()))
	if d := brief(s.Detail, 300); d != "" {
		text += ", " + d
	}
	if len(s.Needs) > 0 {
		text += "; needs " + clean(strings.Join(s.Needs, ", "))
	}
	return text
}

// laneOrder returns the lanes in the order in which they first appear.
func laneOrder(steps []Step) []string {
	var lanes []string
	for _, s := range steps {
		if !slices.Contains(lanes, s.Lane) {
			lanes = append(lanes, s.Lane)
		}
	}
	return lanes
}

// criticalPath returns the names of the steps that decided how long all took:
// the step that ended last, the last of its needs to be done, and so on. To
// make the whole faster, one of these must get faster.
func criticalPath(steps []Step) map[string]bool {
	byName := make(map[string]Step, len(steps))
	var at Step
	for _, s := range steps {
		byName[s.Name] = s
		if s.End.After(at.End) {
			at = s
		}
	}
	path := map[string]bool{}
	for at.Name != "" && !path[at.Name] {
		path[at.Name] = true
		at = byName[last(at, byName)]
	}
	if len(path) < 2 {
		return nil // one step alone is no path
	}
	return path
}

// last returns the need of s that was done last; "" if it has none.
func last(s Step, byName map[string]Step) string {
	name := ""
	for _, need := range s.Needs {
		if n, ok := byName[need]; ok && !n.End.IsZero() && (name == "" || n.End.After(byName[name].End)) {
			name = need
		}
	}
	return name
}

func pct(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) + "%" }

// offset writes a time since the start as minutes and seconds: 1:05.
func offset(d time.Duration) string {
	d = d.Round(time.Second)
	if d >= time.Hour {
		return fmt.Sprintf("%d:%02d:%02d", int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d:%02d", int(d.Minutes()), int(d.Seconds())%60)
}
