package canarygate

import (
	"slices"
	"time"

	"github.com/buenhyden/hy-home/internal/exit"
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

	Checks   []CheckResult // the query of the inputs first, then the gate file's
	Score    float64       // of the gate file's checks, out of 100
	Groups   []Group       // of them that have a name
	Runs     []rollout.Run // AnalysisRuns of the revision, oldest first
	Changes  []Change      // of the Rollout, oldest first
	Warnings []string
	Acted    string // what the gate did to it: aborted, paused or promoted; empty for nothing

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

// Own is the query of the inputs; without one it has no measurements.
func (r Result) Own() CheckResult {
	if len(r.Checks) > 0 && r.Checks[0].Own {
		return r.Checks[0]
	}
	return CheckResult{}
}

// Scored reports whether there are checks of a gate file, which have a score.
func (r Result) Scored() bool { return len(r.Checks) > 0 && !r.Checks[len(r.Checks)-1].Own }

// Measured is how many measurements were made.
func (r Result) Measured() int {
	n := 0
	for _, c := range r.Checks {
		n += len(c.Measurements)
	}
	return n
}

// LastValue is what the query gave last; empty when it never gave anything.
func (r Result) LastValue() string {
	for _, m := range slices.Backward(r.Own().Measurements) {
		if m.Text != "" {
			return m.Text
		}
	}
	return ""
}

// FailedChecks names the checks that failed, dry runs left out.
func (r Result) FailedChecks() []string {
	var out []string
	for _, c := range r.Checks {
		if c.Verdict == Failed && !c.DryRun {
			out = append(out, c.Name)
		}
	}
	return out
}
