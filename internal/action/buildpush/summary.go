package buildpush

import (
	"fmt"
	"strings"
	"time"

	"github.com/buenhyden/hy-home/internal/report"
)

// step is one part of the run with its times.
type step struct {
	name, detail string
	err          error
	start, end   time.Time
}

// Report shows the run; err is what it ended with.
func (r Result) Report(err error) report.Report {
	out := report.Report{Title: "build-push: " + r.Image, Status: report.Passed}
	switch {
	case err != nil:
		out.Status, out.Verdict = report.Failed, err.Error()
	case r.Digest != "":
		out.Verdict = "Pushed " + r.Ref() + "."
	default:
		out.Verdict = "Built " + strings.Join(r.Refs(), ", ") + "; not pushed, as asked."
	}
	fact := func(name, value string) {
		if value != "" {
			out.Facts = append(out.Facts, report.Fact{Name: name, Value: value})
		}
	}
	fact("image", r.Ref())
	fact("tags", strings.Join(r.Refs(), ", "))
	fact("commit", r.Source.Revision)
	fact("source", r.Source.URL)
	fact("signed by", r.SignedBy)
	if r.Tool.CLI != "" {
		fact("builder", fmt.Sprintf("%s (docker %s, engine %s)", r.Tool.Mode, r.Tool.Version, r.Tool.Engine))
	}
	before := []string(nil)
	for _, s := range r.steps {
		st := report.Step{Name: s.name, Status: report.Passed, Detail: s.detail, Start: s.start, End: s.end, Needs: before}
		if s.err != nil {
			st.Status, st.Detail = report.Failed, s.err.Error()
		}
		out.Steps = append(out.Steps, st)
		before = []string{s.name}
	}
	return out
}
