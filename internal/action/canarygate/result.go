package canarygate

import (
	"encoding/json"
	"math"
	"time"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/judge"
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
	Limit        *float64 // the number the condition compares with; nil when there is not just one
	Measurements []judge.Measurement
	Checks       []CheckResult // of the gate file
	Score        float64       // of the checks, out of 100
	Runs         []rollout.Run // AnalysisRuns of the revision, oldest first
	Changes      []Change      // of the Rollout, oldest first
	Warnings     []string
	Aborted      bool   // the gate aborted the Rollout
	Acted        string // what the gate did to it: aborted, paused or promoted; empty for nothing

	Start, End time.Time
	Settled    time.Time // when the state was seen that led to the verdict; zero when none did
	APICalls   int       // requests to the API server, queries through its proxy included
}

// Change is a moment at which the Rollout looked different.
type Change struct {
	Time time.Time
	Text string // "Progressing at step 2 of 4, 25 %"
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

// JSON is the result for programs. JSON has no NaN and no infinity: such values
// are null there, and stand as text beside it.
func (r Result) JSON() ([]byte, error) {
	type measurement struct {
		Time    time.Time `json:"time"`
		Text    string    `json:"text,omitempty"`
		Value   *float64  `json:"value"`
		Outcome string    `json:"outcome"`
		Message string    `json:"message,omitempty"`
	}
	type check struct {
		Name         string        `json:"name"`
		Group        string        `json:"group,omitempty"`
		Query        string        `json:"query,omitempty"`
		Condition    string        `json:"condition,omitempty"`
		Verdict      Verdict       `json:"verdict,omitempty"`
		Text         string        `json:"text,omitempty"`
		Measurements []measurement `json:"measurements"`
	}
	list := func(ms []judge.Measurement) []measurement {
		out := make([]measurement, len(ms))
		for i, m := range ms {
			out[i] = measurement{m.Time, m.Text, nil, string(m.Outcome), m.Message}
			if !math.IsNaN(m.Value) && !math.IsInf(m.Value, 0) {
				out[i].Value = &m.Value
			}
		}
		return out
	}
	var checks []check
	if r.Query != "" {
		checks = append(checks, check{Name: "query", Query: r.Query, Condition: r.Condition, Measurements: list(r.Measurements)})
	}
	for _, c := range r.Checks {
		checks = append(checks, check{c.Name, c.Group, c.Query, c.Condition, c.Verdict, c.Text, list(c.Measurements)})
	}
	return json.MarshalIndent(map[string]any{
		"verdict": r.Verdict, "reason": r.Reason, "message": r.Message, "rollout": r.Rollout, "expected": r.Expected, "image": r.Image,
		"phase": r.Phase, "phaseMessage": r.PhaseMessage, "revision": r.Revision, "podHash": r.PodHash, "step": r.Step, "steps": r.Steps, "weight": r.Weight,
		"score": r.Score, "checks": checks, "changes": r.Changes, "warnings": r.Warnings, "acted": r.Acted, "start": r.Start, "end": r.End, "apiCalls": r.APICalls,
	}, "", "  ")
}
