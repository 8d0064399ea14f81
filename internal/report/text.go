package report

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"
)

// TextOptions say what the console can show.
type TextOptions struct {
	Width  int  // columns, 48 or more to look well; 0 means 100
	Colour bool // ANSI colours: only for a terminal
}

const (
	defaultWidth = 100
	timelineMax  = 40 // columns: beyond that a bar tells no more
	timelineMin  = 12 // columns: below that it tells nothing
	logTail      = 40 // lines of a log that a console gets
)

// Text shows the report as a table for a console: the verdict first, then the
// facts, the steps with their seconds and a timeline, the charts and the sections.
func Text(r Report, o TextOptions) string {
	if o.Width <= 0 {
		o.Width = defaultWidth
	}
	var b strings.Builder
	p := paint(o.Colour)
	fmt.Fprintf(&b, "%s  %s\n", p.status(r.Status, sign(r.Status)+" "+strings.ToUpper(string(r.Status))), p.bold(clean(r.Title)))
	if r.Verdict != "" {
		wrap(&b, clean(r.Verdict), o.Width)
	}
	writeFacts(&b, r.Facts, p)
	if len(r.Steps) > 0 {
		b.WriteByte('\n')
		writeSteps(&b, r, o.Width, p)
	}
	for _, c := range r.Charts {
		b.WriteByte('\n')
		writeSparklines(&b, c, o.Width, p)
	}
	for _, s := range r.Sections {
		fmt.Fprintf(&b, "\n%s\n", p.bold(clean(s.Title)))
		for _, para := range paragraphs(s.Text) {
			wrap(&b, para, o.Width)
		}
		if len(s.Table.Rows) > 0 {
			writeTable(&b, s.Table, o.Width, p)
		}
		for _, line := range tail(lines(s.Log), logTail) {
			b.WriteString("  │ " + clip(line, o.Width-4) + "\n")
		}
	}
	return defuse(b.String())
}

// writeFacts writes values in full, whatever the width: a digest that is cut
// cannot be copied.
func writeFacts(b *strings.Builder, facts []Fact, p paint) {
	name := 0
	for _, f := range facts {
		name = max(name, columns(clean(f.Name)))
	}
	for i, f := range facts {
		if i == 0 {
			b.WriteByte('\n')
		}
		b.WriteString("  " + p.dim(pad(clean(f.Name), name)) + "  " + clean(f.Value) + "\n")
	}
}

// writeSteps writes one line per step; the room that is left becomes a timeline.
func writeSteps(b *strings.Builder, r Report, width int, p paint) {
	start, end := r.span()
	var name, lane, took int
	for _, s := range r.Steps {
		name = max(name, columns(clean(s.Name)))
		lane = max(lane, columns(clean(s.Lane)))
		took = max(took, columns(seconds(s.Took())))
	}
	name, lane = min(name, 32), min(lane, 16)
	left := 2 + name + 2 + lane + 2 + took
	if lane == 0 {
		left -= 2
	}
	bar := min(timelineMax, width-left-2-16)
	detail := width - left - 2
	if bar >= timelineMin {
		detail -= bar + 2
	} else {
		bar = 0
	}
	for _, s := range r.Steps {
		line := pad(clip(clean(s.Name), name), name)
		if lane > 0 {
			line += "  " + p.dim(pad(clip(clean(s.Lane), lane), lane))
		}
		t := ""
		if s.Took() > 0 {
			t = seconds(s.Took())
		}
		line += "  " + strings.Repeat(" ", took-columns(t)) + t
		if bar > 0 {
			line += "  " + p.status(s.Status, timeline(s, start, end, bar, " ", "━"))
		}
		line += "  " + clip(clean(s.Detail), max(detail, 0))
		b.WriteString(p.status(s.Status, sign(s.Status)) + " " + strings.TrimRight(line, " ") + "\n")
	}
	if total := end.Sub(start); total > 0 {
		fmt.Fprintf(b, "%s\n", p.dim(fmt.Sprintf("  %s in all", seconds(total))))
	}
	for _, s := range r.Steps {
		if s.Status == Failed && columns(clean(s.Detail)) > detail {
			b.WriteByte('\n')
			wrap(b, sign(Failed)+" "+clean(s.Name)+": "+clean(s.Detail), width)
		}
	}
}

// writeTable writes columns as wide as their widest cell; where the line is too
// narrow, the widest column gives.
func writeTable(b *strings.Builder, t Table, width int, p paint) {
	rows := t.Rows
	if len(t.Header) > 0 {
		rows = append([][]string{t.Header}, rows...)
	}
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], columns(clean(cell)))
		}
	}
	fit(widths, width-2*len(widths))
	for n, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString("  " + pad(clip(clean(cell), widths[i]), widths[i]))
		}
		text := strings.TrimRight(line.String(), " ")
		if n == 0 && len(t.Header) > 0 {
			text = p.dim(text)
		}
		b.WriteString(text + "\n")
	}
}

// fit takes columns from the widest until the sum is at most room.
func fit(widths []int, room int) {
	sum := 0
	for _, w := range widths {
		sum += w
	}
	for ; sum > room && sum > 0; sum-- {
		widest := 0
		for i := range widths {
			if widths[i] > widths[widest] {
				widest = i
			}
		}
		if widths[widest] <= 4 {
			return
		}
		widths[widest]--
	}
}

func writeSparklines(b *strings.Builder, c Chart, width int, p paint) {
	title := clean(c.Title)
	if c.Limit != nil {
		title += fmt.Sprintf(" (%s: %s)", clean(c.Limit.Name), number(c.Limit.Value, c.Unit))
	}
	fmt.Fprintf(b, "%s\n", p.bold(title))
	start, end := c.span()
	name := 0
	for _, s := range c.Series {
		name = max(name, columns(clean(s.Name)))
	}
	name = min(name, 32)
	for _, s := range c.Series {
		fmt.Fprintf(b, "  %s  %s  %s\n", pad(clip(clean(s.Name), name), name),
			sparkline(resample(s.Points, start, end, min(timelineMax, max(8, width-name-30))), c.top()), lastValue(s, c.Unit))
	}
}

func lastValue(s Series, unit string) string {
	for i := len(s.Points) - 1; i >= 0; i-- {
		if !math.IsNaN(s.Points[i].Value) {
			return "last " + number(s.Points[i].Value, unit)
		}
	}
	return "no data"
}

// timeline draws where between start and end the step ran.
func timeline(s Step, start, end time.Time, width int, empty, full string) string {
	total := end.Sub(start)
	if s.Start.IsZero() || total <= 0 {
		return strings.Repeat(empty, width)
	}
	stop := s.End
	if stop.IsZero() {
		stop = end
	}
	at := func(t time.Time) int {
		return min(width, max(0, int(math.Round(float64(t.Sub(start))/float64(total)*float64(width)))))
	}
	from := min(at(s.Start), width-1)
	to := max(at(stop), from+1)
	return strings.Repeat(empty, from) + strings.Repeat(full, to-from) + strings.Repeat(empty, width-to)
}

// wrap writes text as lines of at most width columns, broken at spaces.
func wrap(w io.StringWriter, text string, width int) {
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && columns(line)+1+columns(word) > width {
			_, _ = w.WriteString(line + "\n")
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	_, _ = w.WriteString(line + "\n")
}
