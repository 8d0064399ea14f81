package canarygate

import (
	"time"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/judge"
	"github.com/buenhyden/hy-home/internal/report"
	"github.com/buenhyden/hy-home/internal/rollout"
)

// Result is the verdict with everything that led to it.
type Result struct {
	Verdict Verdict
	Reason  string // one machine word: "healthy", "aborted", "no_data"
	Message string // one sentence with the cause

	Rollout  string // namespace/name
	Expected string // the image that was waited for
	Image    string // the image that the revision runs; empty until it was seen

	Phase        string // of the Rollout at the end; empty when it was never seen
	PhaseMessage string
	Revision     string // Argo's number of the revision
	PodHash      string // of the judged revision; empty until it was seen
	Step, Steps  int    // the canary's step, counted from 1
	Weight       int64  // share of the revision in percent; -1 when unknown

	Query        string // as it was sent, with the fields filled in
	Condition    string
	Limit        *judge.Bound // the number the condition compares with; nil when there is not just one
	Measurements []judge.Measurement
	Baseline     []report.Point // what the query gave of the revision before, for a chart
	Checks       []CheckResult  // of the gate file
	Score        float64        // of the checks, out of 100
	Runs         []rollout.Run  // AnalysisRuns of the revision, oldest first
	Changes      []Change       // of the Rollout, oldest first
	Warnings     []string
	Acted        string // what the gate did to it: aborted, paused or promoted; empty for nothing

	Start, End time.Time
	Settled    time.Time // when the state was seen that led to the verdict; zero when none did
	APICalls   int       // requests to the API server, queries through its proxy included
}

// Change is a moment at which the Rollout looked different.
type Change struct {
	Time   time.Time `json:"time"`
	Text   string    `json:"text"`             // "Progressing, step 2 of 4, 25 %"
	Step   int       `json:"step,omitempty"`   // of the judged revision, counted from 1; 0 when it is at none
	Weight int64     `json:"weight,omitempty"` // in percent; 0 when unknown
}

// Err is nil for a pass, and otherwise the error that carries the verdict's
// exit code: 3 when the gate says no, 4 when it cannot tell.
func (r Result) Err() error {
	switch r.Verdict {
	case Passed:
		return nil
	case Failed:
		return exit.Refusedf("%s", r.Message)
	}
	return exit.Inconclusivef("%s", r.Message)
}

// LastValue is what the query gave last; empty when it never gave anything.
func (r Result) LastValue() string {
	for i := len(r.Measurements) - 1; i >= 0; i-- {
		if t := r.Measurements[i].Text; t != "" {
			return t
		}
	}
	return ""
}

// FailedChecks names the checks of the gate file that failed, dry runs left out.
func (r Result) FailedChecks() []string {
	var out []string
	for _, c := range r.Checks {
		if c.Verdict == Failed && !c.DryRun {
			out = append(out, c.Name)
		}
	}
	return out
}
