package buildpush

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/buenhyden/hy-home/internal/buildlog"
	"github.com/buenhyden/hy-home/internal/report"
)

// step is one part of the run with its times.
type step struct {
	name, detail string
	err          error
	start, end   time.Time
	after        []string // names of those that were waited for
}

// Report shows the run; err is what it ended with.
func (r Result) Report(err error) report.Report {
	out := report.Report{Title: "build-push: " + r.Image, Status: report.Passed, Verdict: r.verdict()}
	if err != nil {
		out.Status, out.Verdict = report.Failed, err.Error()
	}
	fact := func(name, value string) {
		if value != "" {
			out.Facts = append(out.Facts, report.Fact{Name: name, Value: value})
		}
	}
	fact("image", r.Ref())
	fact("tags", strings.Join(r.Refs(), ", "))
	if r.Manifest.Digest != "" {
		fact("size", fmt.Sprintf("%s to pull, %d layers", megabytes(r.Manifest.Size), len(r.Manifest.Layers)))
		fact("platforms", strings.Join(r.Manifest.Platforms, ", "))
	}
	if cached, all := buildlog.Hits(r.log); all > 0 {
		fact("cached", fmt.Sprintf("%d of %d instructions", cached, all))
	}
	fact("content", r.Content.Value)
	fact("no content key", r.NoKey)
	fact("commit", r.Source.Revision)
	if r.Digest != "" && !r.Built && len(r.Merged) == 0 {
		fact("built of commit", r.Manifest.Labels["org.opencontainers.image.revision"])
	}
	fact("source", r.Source.URL)
	fact("merged", strings.Join(r.Merged, ", "))
	fact("signed by", r.SignedBy)
	if r.Tool.Mode != "" {
		fact("builder", r.Tool.String())
	}
	out.Steps = append(r.ownSteps(), builderSteps(r.log)...)
	if rows := r.layerRows(); len(rows) > 0 {
		out.Sections = append(out.Sections, report.Section{Title: "Layers", Table: report.Table{Header: []string{"", "Instruction", "Size"}, Rows: rows}})
	}
	if len(r.Content.Bases) > 0 {
		bases := report.Table{Header: []string{"Image", "Digest"}}
		for _, b := range r.Content.Bases {
			bases.Rows = append(bases.Rows, []string{b.Ref, b.Digest})
		}
		out.Sections = append(out.Sections, report.Section{Title: "Built on", Table: bases})
	}
	return out
}

func (r Result) verdict() string {
	switch {
	case r.Digest != "" && len(r.Merged) > 0:
		return fmt.Sprintf("Merged %d images into %s.", len(r.Merged), r.Ref())
	case r.Digest != "" && !r.Built:
		return "Not built: the registry has this content already, and " + r.Ref() + " is a name of it now."
	case r.Digest != "":
		return "Pushed " + r.Ref() + "."
	case r.called:
		return "Asked about the Dockerfile; nothing is built."
	}
	return "Built " + strings.Join(r.Refs(), ", ") + "; not pushed, as asked."
}

func (r Result) ownSteps() []report.Step {
	var out []report.Step
	for _, s := range r.steps {
		st := report.Step{Name: s.name, Lane: "build-push", Status: report.Passed, Detail: s.detail, Start: s.start, End: s.end, Needs: s.after}
		if s.err != nil {
			st.Status, st.Detail = report.Failed, s.err.Error()
		}
		out = append(out, st)
	}
	return out
}

// builderSteps are the builder's own, without those that are over before anybody
// looks: what it reads before it builds.
func builderSteps(log []buildlog.Step) []report.Step {
	var out []report.Step
	seen := map[string]int{}
	for _, s := range log {
		if strings.HasPrefix(s.Name, "[internal]") && s.End.Sub(s.Start) < time.Second {
			continue
		}
		name := s.Name
		if seen[name]++; seen[name] > 1 {
			name = fmt.Sprintf("%s (%d)", name, seen[name])
		}
		st := report.Step{Name: name, Lane: "builder", Status: report.Passed, Start: s.Start, End: s.End}
		if s.Stage != "" {
			st.Lane = "stage " + s.Stage
		}
		switch {
		case s.Cached:
			st.Detail = "cached"
		case s.Fault != "":
			st.Status, st.Detail = report.Failed, s.Fault
		case s.End.IsZero():
			st.Status, st.End = report.Skipped, s.Start
		}
		out = append(out, st)
	}
	return out
}

// shell is what builders write around an instruction in an image's history.
var shell = regexp.MustCompile(`^(RUN )?(?:\|\d+ .*)?/bin/sh -c (#\(nop\) +)?| # buildkit$`)

func (r Result) layerRows() [][]string {
	var rows [][]string
	for i, l := range r.Manifest.Layers {
		by := shell.ReplaceAllStringFunc(l.By, func(s string) string {
			if strings.HasPrefix(s, " #") || strings.Contains(s, "#(nop)") {
				return ""
			}
			return "RUN "
		})
		rows = append(rows, []string{fmt.Sprint(i + 1), by, megabytes(l.Size)})
	}
	return rows
}

func megabytes(bytes int64) string {
	if bytes < 100_000 {
		return fmt.Sprintf("%.1f kB", float64(bytes)/1e3)
	}
	return fmt.Sprintf("%.1f MB", float64(bytes)/1e6)
}
