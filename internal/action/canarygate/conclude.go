package canarygate

import (
	"github.com/buenhyden/hy-home/internal/judge"
	"github.com/buenhyden/hy-home/internal/rollout"
)

// Verdict is the gate's answer.
type Verdict string

// The verdicts.
const (
	Passed       Verdict = "passed"       // this revision is healthy, promoted and measured good
	Failed       Verdict = "failed"       // this revision is bad
	Inconclusive Verdict = "inconclusive" // nobody can tell
)

// Reasons that the gate adds to those of package rollout.
const (
	ReasonCondition    = "condition_failed" // that of the inputs
	ReasonCheck        = "check_failed"     // a check of the gate file, or the score of all
	ReasonMarginal     = "marginal"         // the score lies between what is marginal and what passes
	ReasonNoData       = "no_data"          // measurements have no answer
	ReasonTimeout      = "timeout"
	ReasonNotFound     = "not_found"
	ReasonNoPrometheus = "prometheus_unreachable"
	ReasonNoEvidence   = rollout.ReasonNoEvidence // no AnalysisRun measured anything where that is demanded
)

// facts is all that a verdict depends on.
type facts struct {
	decision rollout.Decision
	trouble  *rollout.Trouble // a pod that could not start, seen twice
	checks   summing
}

// conclusion is a verdict with its cause; without a verdict the gate goes on.
type conclusion struct {
	verdict         Verdict
	reason, message string
	needsEvidence   bool // passed, if the Rollout's own AnalysisRuns measured something
}

// conclude is the whole judgement, a pure function. What the Rollout says of
// itself comes before what the gate measured, and a failure before a doubt.
func conclude(f facts) conclusion {
	d := f.decision
	if d.Answer == rollout.Fail {
		return conclusion{verdict: Failed, reason: d.Reason, message: d.Message}
	}
	if f.trouble != nil {
		return conclusion{verdict: Failed, reason: f.trouble.Reason, message: f.trouble.Message}
	}
	c := f.checks
	if c.any && c.ruling == judge.Bad && (c.final || d.Answer == rollout.Pass) {
		return conclusion{verdict: Failed, reason: c.reason, message: c.text}
	}
	switch {
	case d.Answer == rollout.Undecided:
		return conclusion{verdict: Inconclusive, reason: d.Reason, message: d.Message}
	case d.Answer != rollout.Pass:
		return conclusion{message: d.Message}
	case !c.any:
		return conclusion{verdict: Passed, reason: d.Reason, message: d.Message, needsEvidence: true}
	case c.ruling == judge.Never:
		return conclusion{verdict: Inconclusive, reason: c.reason, message: d.Message + ", but " + c.text}
	case c.ruling == judge.Good:
		return conclusion{verdict: Passed, reason: d.Reason, message: d.Message + ", " + c.text}
	}
	return conclusion{message: d.Message + ", but so far only " + c.text}
}
