package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"strings"
	"time"
)

//go:embed page.html.tmpl
var pageTemplate string

//go:embed page.css
var pageStyle string

// HTML shows the report as one self-contained page: no script, no other file,
// nothing from the network (its content security policy forbids it). The
// timeline and the charts are SVG drawn at the width of the window, in light
// and dark; each has a table of the same data for those who cannot see it.
func HTML(r Report) []byte {
	start, end := r.span()
	page := struct {
		Report
		Style      template.CSS
		Hover      template.CSS
		Gantt      gantt
		Plots      []plot
		Took       string
		Started    string
		Counts     string
		Critical   string
		StepRows   []stepRow
		PlotHeight int
		Logs       [][]string
		Texts      [][]string
		Causes     []Step
	}{Report: r, Style: template.CSS(pageStyle), Gantt: newGantt(r), PlotHeight: plotHeight}
	page.Title, page.Verdict = clean(r.Title), clean(r.Verdict)
	if end.After(start) {
		page.Took = seconds(end.Sub(start))
		page.Started = start.UTC().Format("2006-01-02 15:04:05 UTC")
	}
	page.Hover = hoverRules(r.Steps)
	page.Counts = counts(r.Steps)
	critical := criticalPath(r.Steps)
	if len(critical) > 0 {
		page.Critical = fmt.Sprintf("%d of %d steps", len(critical), len(r.Steps))
	}
	for _, s := range r.Steps {
		page.StepRows = append(page.StepRows, newStepRow(s, start, critical[s.Name]))
		if s.Status == Failed && s.Detail != "" && s.Detail != r.Verdict {
			page.Causes = append(page.Causes, Step{Name: clean(s.Name), Detail: strings.Join(lines(s.Detail), "\n")})
		}
	}
	for _, c := range r.Charts {
		page.Plots = append(page.Plots, newPlot(c))
	}
	for _, s := range r.Sections {
		page.Logs = append(page.Logs, lines(s.Log))
		page.Texts = append(page.Texts, paragraphs(s.Text))
	}
	t := template.Must(template.New("page").Funcs(template.FuncMap{
		"sign": sign, "join": strings.Join, "clean": clean,
		"half": func(v float64) float64 { return v - 4 },
	}).Parse(pageTemplate))
	var b bytes.Buffer
	if err := t.Execute(&b, page); err != nil {
		// The template and its data are both ours and fixed: a mistake in them
		// fails the first test, never a user.
		panic("report: " + err.Error())
	}
	return b.Bytes()
}

type stepRow struct {
	Name, Lane, Detail, From, Took string
	Status                         Status
	Needs                          string
	Critical                       bool
}

func newStepRow(s Step, start time.Time, critical bool) stepRow {
	row := stepRow{Name: clean(s.Name), Lane: clean(s.Lane), Detail: clean(s.Detail), Status: s.Status, Needs: clean(strings.Join(s.Needs, ", ")), Critical: critical}
	if !s.Start.IsZero() {
		row.From, row.Took = offset(s.Start.Sub(start)), fmt.Sprintf("%.1f", s.Took().Seconds())
	}
	return row
}

// hoverRules show the card and the needs of a step while its bar or its name is
// pointed at or has the focus. They are made of numbers alone.
func hoverRules(steps []Step) template.CSS {
	var b strings.Builder
	for i := range steps {
		fmt.Fprintf(&b, ".gantt:has(.b%d:hover,.b%d:focus-visible,.n%d:hover) .t%d{opacity:1;visibility:visible}\n", i, i, i, i)
	}
	return template.CSS(b.String())
}

// counts says how many steps came to what: "9 passed, 1 failed, 1 skipped".
func counts(steps []Step) string {
	n := map[Status]int{}
	for _, s := range steps {
		n[s.Status]++
	}
	var out []string
	for _, st := range []Status{Passed, Failed, Unclear, Running, Skipped} {
		if n[st] > 0 {
			out = append(out, fmt.Sprintf("%d %s", n[st], st))
		}
	}
	return strings.Join(out, ", ")
}
