package canarygate

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/buenhyden/hy-home/internal/judge"
	"github.com/buenhyden/hy-home/internal/report"
	"github.com/buenhyden/hy-home/internal/rollout"
)

// Report shows the result to people: the verdict and its cause, the revision,
// the course of the measured value, and what else led to the verdict.
func (r Result) Report() report.Report {
	out := report.Report{
		Title:   "canary-gate: " + r.Rollout,
		Verdict: r.FirstLine(),
		Status:  map[Verdict]report.Status{Passed: report.Passed, Failed: report.Failed}[r.Verdict],
		Start:   r.Start, End: r.End,
		Facts: r.facts(),
	}
	if out.Status == "" {
		out.Status = report.Unclear
	}
	if r.Scored() {
		out.Sections = append(out.Sections, report.Section{Title: "Checks", Text: r.scores(), Table: checkTable(r.Checks)})
	}
	out.Charts = r.charts()
	if own := r.Own(); len(own.Measurements) > 0 {
		out.Sections = append(out.Sections, r.measured(own.Measurements))
	}
	if asked := queries(r.Checks); asked != "" {
		out.Sections = append(out.Sections, report.Section{Title: "Queries", Log: asked})
	}
	if len(r.Runs) > 0 {
		out.Sections = append(out.Sections, analysis(r.Runs))
	}
	if len(r.Changes) > 0 {
		out.Sections = append(out.Sections, r.course())
	}
	if len(r.Warnings) > 0 {
		t := report.Table{Header: []string{"Warning"}}
		for _, w := range r.Warnings {
			t.Rows = append(t.Rows, []string{w})
		}
		out.Sections = append(out.Sections, report.Section{Title: "Warnings", Table: t})
	}
	return out
}

func (r Result) facts() []report.Fact {
	facts := []report.Fact{{Name: "Reason", Value: r.Reason}, {Name: "Expected image", Value: r.Expected}}
	add := func(name, value string) {
		if value != "" {
			facts = append(facts, report.Fact{Name: name, Value: value})
		}
	}
	add("Image of the revision", r.Image)
	if r.PodHash != "" {
		add("Revision", r.Revision+" ("+r.PodHash+")")
	}
	phase := r.Phase
	if r.PhaseMessage != "" {
		phase += ": " + r.PhaseMessage
	}
	add("Rollout", phase)
	if r.Steps > 0 && r.PodHash != "" {
		step := fmt.Sprintf("%d of %d", r.Step, r.Steps)
		if r.Weight >= 0 {
			step += fmt.Sprintf(", %d %%", r.Weight)
		}
		add("Step", step)
	}
	if r.Acted != "" {
		add("Acted", r.Acted+" by the gate")
	}
	add("Watched", fmt.Sprintf("%.1f s", r.End.Sub(r.Start).Seconds()))
	add("API requests", strconv.Itoa(r.APICalls))
	return facts
}

// scores says the score of all checks and that of each group.
func (r Result) scores() string {
	said := fmt.Sprintf("Score %g of 100", r.Score)
	for i, g := range r.Groups {
		said += fmt.Sprintf("%s %s %g", map[bool]string{true: ":", false: ","}[i == 0], g.Name, g.Score)
	}
	return said + "."
}

// checkTable shows checks in a table.
func checkTable(checks []CheckResult) report.Table {
	t := report.Table{Header: []string{"", "Check", "Group", "Last", "Good when", "Samples", "Said"}}
	for _, c := range checks {
		last, name := "", c.Name
		if n := len(c.Measurements); n > 0 {
			last = c.Measurements[n-1].Short()
		}
		if c.DryRun {
			name += " (dry run)"
		}
		samples := len(c.Measurements)
		if c.Comparison != nil {
			samples = c.Comparison.N
		}
		sign := map[Verdict]string{Passed: "✓", Failed: "✗"}[c.Verdict]
		if sign == "" {
			sign = "?"
		}
		t.Rows = append(t.Rows, []string{sign, name, c.Group, last, c.Condition, strconv.Itoa(samples), c.Text})
	}
	return t
}

// queries are what Prometheus was asked, for who wants to ask it again.
func queries(checks []CheckResult) string {
	var all []string
	for _, c := range checks {
		if c.Query != "" {
			all = append(all, fmt.Sprintf("%s\n%s\ngood when: %s", c.Name, c.Query, c.Condition))
		}
	}
	return strings.Join(all, "\n\n")
}

// measured lists the measurements, the last ones if there are very many.
func (r Result) measured(shown []judge.Measurement) report.Section {
	const most = 100
	tally := judge.Count(shown)
	s := report.Section{
		Title: "Measurements",
		Text:  fmt.Sprintf("%d good, %d failed, %d without an answer.", tally.Successful, tally.Failed, tally.Unanswered),
		Table: report.Table{Header: []string{"After", "Result", "Outcome", ""}},
	}
	if len(shown) > most {
		shown = shown[len(shown)-most:]
		s.Text += fmt.Sprintf(" The last %d:", most)
	}
	for _, m := range shown {
		s.Table.Rows = append(s.Table.Rows, []string{r.after(m.Time), m.Short(), string(m.Outcome), m.Message})
	}
	return s
}

// course lists how the Rollout changed.
func (r Result) course() report.Section {
	s := report.Section{Title: "Course of the Rollout", Table: report.Table{Header: []string{"After", "Seen"}}}
	for _, c := range r.Changes {
		s.Table.Rows = append(s.Table.Rows, []string{r.after(c.Time), c.Text})
	}
	return s
}

func (r Result) after(t time.Time) string {
	return strconv.FormatFloat(max(0, t.Sub(r.Start).Seconds()), 'f', 1, 64) + " s"
}

// analysis lists what Argo's own analysis measured.
func analysis(runs []rollout.Run) report.Section {
	s := report.Section{Title: "AnalysisRuns", Table: report.Table{Header: []string{"Run", "Metric", "Phase", "Good", "Failed", "No answer", "Last", ""}}}
	for _, run := range runs {
		kind := run.Type
		if run.Step != "" {
			kind += " " + run.Step
		}
		if len(run.Metrics) == 0 {
			s.Table.Rows = append(s.Table.Rows, []string{run.Name + " (" + kind + ")", "", run.Phase, "0", "0", "0", "", run.Message})
		}
		for _, m := range run.Metrics {
			name := m.Name
			if m.DryRun {
				name += " (dry run)"
			}
			s.Table.Rows = append(s.Table.Rows, []string{
				run.Name + " (" + kind + ")", name, m.Phase,
				strconv.FormatInt(m.Successful, 10), strconv.FormatInt(m.Failed, 10), strconv.FormatInt(m.Inconclusive+m.Errors, 10), m.Last, m.Message,
			})
		}
	}
	return s
}

// FirstLine is what everyone reads: the answer, what it is about, and the cause.
func (r Result) FirstLine() string {
	namespace, name, _ := strings.Cut(r.Rollout, "/")
	return fmt.Sprintf("%s: %s (%s) at %s: %s", answer(r.Verdict), name, namespace, r.Expected, r.Message)
}

func answer(v Verdict) string {
	switch v {
	case Passed:
		return "YES"
	case Failed:
		return "NO"
	}
	return "CANNOT TELL"
}
