package report

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// How much a diagram may hold: mermaid refuses texts over 50,000 characters.
const (
	mermaidSteps  = 80 // bars
	mermaidPoints = 40 // values per line in a chart
)

// mermaidGantt draws the steps as a diagram that GitHub renders. Mermaid's
// grammar has no escapes, so names are reduced to what it reads as text.
func mermaidGantt(steps []Step, start, end time.Time) string {
	if len(steps) < 3 || len(steps) > mermaidSteps || end.Sub(start) < time.Second {
		return ""
	}
	var b strings.Builder
	b.WriteString("<details><summary>Timeline as a diagram</summary>\n\n```mermaid\ngantt\n    dateFormat x\n    axisFormat %M:%S\n")
	var lanes []string
	byLane := map[string][]Step{}
	for _, s := range steps {
		if s.Start.IsZero() {
			continue
		}
		lane := mermaidName(s.Lane, "steps")
		if byLane[lane] == nil {
			lanes = append(lanes, lane)
		}
		byLane[lane] = append(byLane[lane], s)
	}
	for _, lane := range lanes {
		fmt.Fprintf(&b, "    section %s\n", lane)
		for _, s := range byLane[lane] {
			tag := ""
			if s.Status == Failed {
				tag = "crit, "
			}
			from := max(0, s.Start.Sub(start).Milliseconds())
			to := max(from+1, from+s.Took().Milliseconds())
			fmt.Fprintf(&b, "    %s (%s) :%s%d, %d\n", mermaidName(s.Name, "step"), seconds(s.Took()), tag, from, to)
		}
	}
	b.WriteString("```\n\n</details>\n\n")
	return b.String()
}

func mermaidName(s, otherwise string) string {
	out := strings.Join(strings.FieldsFunc(brief(s, 40), func(r rune) bool {
		return r < 0x80 && !isWord(byte(r)) && r != '-' && r != '.' && r != '_'
	}), " ")
	if strings.Trim(out, " -._") == "" {
		return otherwise
	}
	return out
}

// mermaidChart needs a value everywhere: before its first point a line is 0.
func mermaidChart(c Chart, start, end time.Time) string {
	total := end.Sub(start).Seconds()
	if total <= 0 || len(c.Series) == 0 {
		return ""
	}
	top := ticks(c.top(), 4)
	var b strings.Builder
	fmt.Fprintf(&b, "<details><summary>As a diagram</summary>\n\n```mermaid\nxychart-beta\n    x-axis \"seconds\" 0 --> %.0f\n    y-axis \"%s\" 0 --> %s\n",
		math.Max(1, total), mermaidName(strings.ReplaceAll(c.Unit, "%", "percent"), "value"), number(top[len(top)-1], ""))
	line := func(values []float64) {
		texts := make([]string, len(values))
		for i, v := range values {
			if math.IsNaN(v) {
				v = 0
			}
			texts[i] = number(v, "")
		}
		fmt.Fprintf(&b, "    line [%s]\n", strings.Join(texts, ", "))
	}
	for _, s := range c.Series {
		line(resample(s.Points, start, end, mermaidPoints))
	}
	if c.Limit != nil {
		line([]float64{c.Limit.Value, c.Limit.Value})
	}
	b.WriteString("```\n\n</details>\n\n")
	return b.String()
}
