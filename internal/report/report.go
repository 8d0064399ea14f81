// Package report turns what happened into something to look at: a live view of
// a run on a terminal ([Console]), a table ([Text]), a job summary for GitHub
// ([Markdown]), one self-contained page ([HTML]) and data ([JSON]).
//
// It is pure: a [Report] goes in, text comes out. Every string of a Report is
// foreign text (commit messages, container logs, names out of a cluster) and is
// escaped for where it lands.
package report

import (
	"time"

	"github.com/buenhyden/hy-home/internal/engine"
)

// Status is how something ended. It chooses the colour and the sign.
type Status string

// The statuses of a report or a step.
const (
	Passed  Status = "passed"  // as wanted
	Failed  Status = "failed"  // not as wanted: an error, or a gate that says no
	Unclear Status = "unclear" // nobody can tell: out of time, too few measurements
	Skipped Status = "skipped" // never started, or stopped on the way, because something else did not pass
	Running Status = "running" // not at its end yet
)

// Report is one run of something: an action, a demo, a test.
type Report struct {
	Title    string // what ran: "canary-gate: backend"
	Verdict  string // one sentence, first thing everyone reads: "passed: 3 of 3 conditions held for 30 s"
	Status   Status
	Start    time.Time // zero: the first step's
	End      time.Time // zero: the last step's
	Facts    []Fact    // short: image, revision, digest
	Steps    []Step
	Charts   []Chart
	Sections []Section // causes, notes, logs: whatever else is worth a heading
}

// Fact is one name and its value.
type Fact struct {
	Name, Value string
}

// Step is one bar of the timeline.
type Step struct {
	Name       string    // unique in the report; Needs point at it
	Lane       string    // the row group it is drawn in; may be empty
	Status     Status    //
	Detail     string    // its outcome ("created", "unchanged") or the cause of its failure
	Start, End time.Time // zero for a skipped step
	Needs      []string  // names of the steps it waited for
}

// Took is how long the step ran; 0 when it did not, or has not ended.
func (s Step) Took() time.Duration {
	if s.Start.IsZero() || s.End.Before(s.Start) {
		return 0
	}
	return s.End.Sub(s.Start)
}

// Chart is a few series over time.
type Chart struct {
	Title  string // "Error share of the canary"
	Unit   string // behind each value: "%", "ms"; may be empty
	Series []Series
	Limit  *Limit // a line that the values must not cross; may be nil
	Bands  []Band // stretches of time worth a name, in order: the steps of a rollout
	Marks  []Mark // moments worth a name
}

// Series is one line of a [Chart]; its points are in order of time.
type Series struct {
	Name   string
	Points []Point
}

// Point is one measured value. NaN is a gap: nothing could be measured.
type Point struct {
	Time  time.Time
	Value float64
}

// Limit is a horizontal line in a [Chart].
type Limit struct {
	Name    string // "limit 5 %"
	Value   float64
	AtLeast bool // it is bad to be below it
}

// Band is a stretch of time in a [Chart].
type Band struct {
	Start, End time.Time
	Name       string // "25 %"
}

// Mark is a vertical line in a [Chart].
type Mark struct {
	Time time.Time
	Name string // "v3 released"
}

// Section is a heading with any of a text, a table and a log below it.
type Section struct {
	Title string
	Text  string // paragraphs are separated by an empty line
	Table Table
	Log   string // shown as it is, in a fixed-width font, folded away where that is possible
}

// Table is rows under a header; a short row is filled up with empty cells.
type Table struct {
	Header []string
	Rows   [][]string
}

// Steps makes steps of the results of a graph.
func Steps(results []engine.Result) []Step {
	steps := make([]Step, len(results))
	for i, r := range results {
		s := Step{Name: r.ID, Lane: r.Lane, Needs: r.Needs, Start: r.Start, End: r.End, Status: Passed, Detail: string(r.Outcome)}
		switch {
		case r.Outcome == engine.Blocked, r.Outcome == engine.Stopped:
			s.Status = Skipped
		case r.Err != nil:
			s.Status, s.Detail = Failed, r.Err.Error()
		}
		steps[i] = s
	}
	return steps
}

// span returns the start and end of the report, taken from its steps and charts
// where it does not say them itself.
func (r Report) span() (start, end time.Time) {
	start, end = r.Start, r.End
	for _, s := range r.Steps {
		if s.Start.IsZero() {
			continue
		}
		if r.Start.IsZero() && (start.IsZero() || s.Start.Before(start)) {
			start = s.Start
		}
		if r.End.IsZero() && s.End.After(end) {
			end = s.End
		}
	}
	if end.Before(start) {
		end = start
	}
	return start, end
}
