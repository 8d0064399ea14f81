package canarygate

import (
	"encoding/json"
	"math"
	"time"

	"github.com/buenhyden/hy-home/internal/judge"
)

// checkJSON is a check for programs.
type checkJSON struct {
	Name         string            `json:"name"`
	Group        string            `json:"group,omitempty"`
	Query        string            `json:"query,omitempty"`
	Condition    string            `json:"condition,omitempty"`
	Verdict      Verdict           `json:"verdict,omitempty"`
	Text         string            `json:"text,omitempty"`
	Measurements []measurementJSON `json:"measurements"`
}

// measurementJSON has a null for NaN and the infinities, which JSON has no number
// for; they stand as text beside it.
type measurementJSON struct {
	Time    time.Time     `json:"time"`
	Text    string        `json:"text,omitempty"`
	Value   *float64      `json:"value"`
	Outcome judge.Outcome `json:"outcome"`
	Message string        `json:"message,omitempty"`
}

func measurementsJSON(ms []judge.Measurement) []measurementJSON {
	out := make([]measurementJSON, len(ms))
	for i, m := range ms {
		out[i] = measurementJSON{m.Time, m.Text, nil, m.Outcome, m.Message}
		if !math.IsNaN(m.Value) && !math.IsInf(m.Value, 0) {
			out[i].Value = &m.Value
		}
	}
	return out
}

func checksJSON(checks []CheckResult) []checkJSON {
	out := make([]checkJSON, len(checks))
	for i, c := range checks {
		out[i] = checkJSON{c.Name, c.Group, c.Query, c.Condition, c.Verdict, c.Text, measurementsJSON(c.Measurements)}
	}
	return out
}

// JSON is the result for programs.
func (r Result) JSON() ([]byte, error) {
	return json.MarshalIndent(map[string]any{
		"verdict": r.Verdict, "reason": r.Reason, "message": r.Message, "rollout": r.Rollout, "expected": r.Expected, "image": r.Image,
		"phase": r.Phase, "phaseMessage": r.PhaseMessage, "revision": r.Revision, "podHash": r.PodHash, "step": r.Step, "steps": r.Steps, "weight": r.Weight,
		"score": r.Score, "groups": r.Groups, "checks": checksJSON(r.Checks), "changes": r.Changes, "warnings": r.Warnings, "acted": r.Acted, "start": r.Start, "end": r.End, "apiCalls": r.APICalls,
	}, "", "  ")
}

// replayedJSON is one release of a replay.
type replayedJSON struct {
	Start   time.Time   `json:"start"`
	End     time.Time   `json:"end"`
	Hash    string      `json:"podHash,omitempty"`
	Stable  string      `json:"stableHash,omitempty"`
	Outcome string      `json:"outcome"`
	Verdict Verdict     `json:"verdict"`
	Reason  string      `json:"reason"`
	Message string      `json:"message"`
	At      time.Time   `json:"at"`
	Checks  []checkJSON `json:"checks"`
}

// ReplayJSON is a replay for programs, to be encoded.
func ReplayJSON(rollout string, releases []Replayed) any {
	out := make([]replayedJSON, len(releases))
	for i, r := range releases {
		out[i] = replayedJSON{r.Start, r.End, r.Hash, r.Stable, r.Outcome, r.Verdict, r.Reason, r.Message, r.At, checksJSON(r.Checks)}
	}
	return map[string]any{"rollout": rollout, "releases": out}
}
