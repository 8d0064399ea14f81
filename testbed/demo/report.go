package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/report"
)

// report tells the whole demo: the steps, what each gate said, and what the
// callers of the service saw meanwhile.
func (s *stage) report(ctx context.Context, title string, results []engine.Result, err error) report.Report {
	r := report.Report{Title: title, Status: report.Passed, Steps: report.Steps(results)}
	r.Verdict = "v2 was promoted, v3 was stopped by its canary, and v2 still serves"
	if err != nil {
		r.Status, r.Verdict = report.Failed, err.Error()
	}
	for _, v := range versions {
		if said := s.output(v.name + " verdict"); said != "" {
			r.Facts = append(r.Facts, report.Fact{Name: "gate of " + v.name, Value: said})
		}
	}
	r.Steps = s.withPlatform(r.Steps)
	if marks := s.releases(r.Steps); len(marks) > 0 {
		chart, err := s.errorShare(ctx, marks[0].Time, lastEnd(r.Steps))
		if err != nil {
			r.Sections = append(r.Sections, report.Section{Title: "No chart", Text: err.Error()})
		} else {
			chart.Marks = marks
			r.Charts = append(r.Charts, chart)
		}
	}
	return r
}

// releases returns the moments of each release, in order, and writes what its
// gate said into the gate's step.
func (s *stage) releases(steps []report.Step) []report.Mark {
	var marks []report.Mark
	for i, step := range steps {
		version, what, _ := strings.Cut(step.Name, " ")
		switch {
		case step.Status != report.Passed:
		case what == "apply":
			marks = append(marks, report.Mark{Time: step.End, Name: version + " released"})
		case what == "canary-gate":
			marks = append(marks, report.Mark{Time: step.End, Name: "verdict on " + version})
			steps[i].Detail = s.output(version + " verdict")
		}
	}
	return marks
}

func lastEnd(steps []report.Step) time.Time {
	var end time.Time
	for _, step := range steps {
		if step.End.After(end) {
			end = step.End
		}
	}
	return end
}

// withPlatform puts the components of the platform behind the step that made
// them, so that the timeline shows where its seconds went.
func (s *stage) withPlatform(steps []report.Step) []report.Step {
	data, err := os.ReadFile(s.output("platform-report"))
	if err != nil {
		return steps // it never came so far, which its own step says
	}
	components, err := report.ParseSteps(data)
	if err != nil {
		return steps
	}
	for i := range components {
		components[i].Lane = "platform: " + components[i].Lane
	}
	at := slices.IndexFunc(steps, func(step report.Step) bool { return step.Name == "infra-repository" })
	return slices.Insert(slices.Clone(steps), at+1, components...)
}

// write shows the report on the terminal and leaves it as Markdown, HTML and JSON.
func (s *stage) write(r report.Report) error {
	fmt.Fprintln(os.Stdout)
	fmt.Fprint(os.Stdout, report.Text(r, report.TextOptions{Width: 120}))
	data, err := report.JSON(r)
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	for name, content := range map[string][]byte{
		"report.json": data,
		"report.html": report.HTML(r),
		"summary.md":  []byte(report.Markdown(r)),
	} {
		if err := os.WriteFile(filepath.Join(s.out, name), content, 0o644); err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
	}
	fmt.Fprintf(os.Stdout, "\nReport: %s\n", filepath.Join(s.out, "report.html"))
	return nil
}
