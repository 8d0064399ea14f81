package report

import (
	"fmt"
	"strings"
)

const (
	// MarkdownMost is the most bytes that [Markdown] returns. GitHub refuses a
	// job summary over 1 MiB and shows nothing then, so we stay well below.
	MarkdownMost = 900 << 10

	markdownSteps     = 500 // rows of the table of steps
	markdownLog       = 200 // last lines of each log
	markdownCauseMost = 10  // failed steps that are named on top
	timelineCells     = 20  // characters of the timeline in the table
	sectionMost       = 200 << 10
)

// Markdown shows the report as a summary for GitHub: the verdict first, then
// what it rests on. All text of the report is escaped, and the result is never
// longer than [MarkdownMost]: what does not fit is left out whole, and said.
func Markdown(r Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s %s\n\n", emoji(r.Status), Escape(brief(r.Title, 300)))
	if r.Verdict != "" {
		fmt.Fprintf(&b, "**%s**\n\n", Escape(brief(r.Verdict, 2000)))
	}
	left := 0
	add := func(part string) {
		if b.Len()+len(part) > MarkdownMost-200 {
			left++
			return
		}
		b.WriteString(part)
	}
	add(markdownCauses(r))
	if len(r.Facts) > 0 {
		t := Table{Header: []string{"", ""}}
		for _, f := range r.Facts {
			t.Rows = append(t.Rows, []string{f.Name, f.Value})
		}
		add(markdownTable(t))
	}
	add(markdownTimeline(r))
	for _, c := range r.Charts {
		add(markdownChart(c))
	}
	for _, s := range r.Sections {
		add(markdownSection(s))
	}
	if left > 0 {
		fmt.Fprintf(&b, "_%d more parts are left out: the summary would be too long for GitHub._\n", left)
	}
	return b.String()
}

// markdownCauses names the failed steps and their causes above all tables.
func markdownCauses(r Report) string {
	var b strings.Builder
	named := 0
	for _, s := range r.Steps {
		if s.Status == Failed && s.Detail != "" && s.Detail != r.Verdict && named < markdownCauseMost {
			named++
			fmt.Fprintf(&b, "> ❌ **%s**: %s\n>\n", Escape(brief(s.Name, 100)), Escape(brief(s.Detail, 2000)))
		}
	}
	if b.Len() == 0 {
		return ""
	}
	return b.String() + "\n"
}

func markdownTimeline(r Report) string {
	if len(r.Steps) == 0 {
		return ""
	}
	start, end := r.span()
	var b strings.Builder
	b.WriteString("| | Step | Lane | Outcome | Seconds | Timeline |\n|---|---|---|---|--:|---|\n")
	for i, s := range r.Steps {
		if i == markdownSteps {
			fmt.Fprintf(&b, "| | _and %d more_ | | | | |\n", len(r.Steps)-i)
			break
		}
		took, line, detail := "", "", brief(s.Detail, 300)
		if s.Status == Failed {
			detail = clip(detail, 80) // stands above in full
		}
		if !s.Start.IsZero() {
			took = fmt.Sprintf("%.1f", s.Took().Seconds())
			line = "`" + timeline(s, start, end, timelineCells, "░", "█") + "`"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", emoji(s.Status), Escape(brief(s.Name, 100)), Escape(brief(s.Lane, 100)), Escape(detail), took, line)
	}
	fmt.Fprintf(&b, "\n%s in all.\n\n", seconds(end.Sub(start)))
	return b.String() + mermaidGantt(r.Steps, start, end)
}

// markdownChart shows a chart as one sparkline per series, and as a diagram.
func markdownChart(c Chart) string {
	start, end := c.span()
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n", Escape(c.Title))
	if c.Limit != nil {
		fmt.Fprintf(&b, "%s: %s\n\n", Escape(c.Limit.Name), Escape(number(c.Limit.Value, c.Unit)))
	}
	b.WriteString("| Series | Course | Last |\n|---|---|--:|\n")
	for _, s := range c.Series {
		values := resample(s.Points, start, end, mermaidPoints)
		fmt.Fprintf(&b, "| %s | `%s` | %s |\n", Escape(brief(s.Name, 100)), sparkline(values, c.top()), Escape(strings.TrimPrefix(lastValue(s, c.Unit), "last ")))
	}
	b.WriteByte('\n')
	for _, band := range c.Bands {
		fmt.Fprintf(&b, "- %s to %s: %s\n", seconds(max(0, band.Start.Sub(start))), seconds(max(0, band.End.Sub(start))), Escape(band.Name))
	}
	for _, m := range c.Marks {
		fmt.Fprintf(&b, "- %s after the start: %s\n", seconds(m.Time.Sub(start)), Escape(m.Name))
	}
	if len(c.Marks)+len(c.Bands) > 0 {
		b.WriteByte('\n')
	}
	return b.String() + mermaidChart(c, start, end)
}

func markdownSection(s Section) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n", Escape(s.Title))
	for _, p := range paragraphs(s.Text) {
		b.WriteString(Escape(brief(p, 10_000)) + "\n\n")
	}
	if len(s.Table.Rows) > 0 {
		b.WriteString(markdownTable(s.Table))
	}
	if log := lines(s.Log); len(log) > 0 {
		kept := tail(log, markdownLog)
		for size(kept) > sectionMost {
			kept = kept[len(kept)/2+1:]
		}
		note := ""
		if len(kept) < len(log) {
			note = fmt.Sprintf(", the last %d of %d lines", len(kept), len(log))
		}
		fmt.Fprintf(&b, "<details><summary>Log%s</summary>\n\n%s\n</details>\n\n", note, fence(kept))
	}
	return b.String()
}

func size(lines []string) int {
	n := 0
	for _, l := range lines {
		n += len(l) + 1
	}
	return n
}

func markdownTable(t Table) string {
	n := len(t.Header)
	for _, row := range t.Rows {
		n = max(n, len(row))
	}
	var b strings.Builder
	row := func(cells []string) {
		for i := range n {
			cell := ""
			if i < len(cells) {
				cell = Escape(brief(cells[i], 1000))
			}
			b.WriteString("| " + cell + " ")
		}
		b.WriteString("|\n")
	}
	row(t.Header)
	b.WriteString(strings.Repeat("|---", n) + "|\n")
	for _, cells := range t.Rows {
		if b.Len() > sectionMost {
			row([]string{"…"})
			break
		}
		row(cells)
	}
	return b.String() + "\n"
}

// emoji is the sign of a status where colour is not to be had.
func emoji(s Status) string {
	switch s {
	case Passed:
		return "✅"
	case Failed:
		return "❌"
	case Unclear:
		return "❔"
	case Running:
		return "⏳"
	}
	return "⏭️"
}
