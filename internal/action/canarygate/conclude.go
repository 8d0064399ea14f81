package canarygate

import (
	"time"

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
	ReasonCondition     = "condition_failed"
	ReasonCheck         = "check_failed"    // a check of the gate file, or the score of all
	ReasonMarginal      = "marginal"        // the score lies between what is marginal and what passes
	ReasonNoData        = "no_data"         // measurements have no answer
	ReasonNoEvidence    = "no_measurements" // no query was given and no AnalysisRun measured anything
	ReasonTimeout       = "timeout"
	ReasonNotFound      = "not_found"
	ReasonNoPrometheus  = "prometheus_unreachable"
	ReasonAnalysisError = "analysis_error"
)

// facts is all that a verdict depends on.
type facts struct {
	decision     rollout.Decision
	trouble      *rollout.Trouble // a pod that could not start, seen twice
	end          time.Time        // when the Rollout was first seen healthy; zero when it is not
	measures     bool             // there is a query
	measurements []judge.Measurement
	limits       judge.Limits
	checks       summing
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
	ruling, why := judge.Rule(f.measurements, f.limits, f.end)
	if f.measures && ruling == judge.Bad {
		return conclusion{verdict: Failed, reason: ReasonCondition, message: why}
	}
	if f.checks.any && f.checks.ruling == judge.Bad && (f.checks.final || d.Answer == rollout.Pass) {
		return conclusion{verdict: Failed, reason: ReasonCheck, message: f.checks.text}
	}
	switch {
	case d.Answer == rollout.Undecided:
		return conclusion{verdict: Inconclusive, reason: d.Reason, message: d.Message}
	case d.Answer != rollout.Pass:
		return conclusion{message: d.Message}
	case f.checks.any && f.checks.ruling == judge.Never:
		return conclusion{verdict: Inconclusive, reason: f.checks.reason, message: d.Message + ", but " + f.checks.text}
	case f.checks.any && f.checks.ruling == judge.More:
		return conclusion{message: d.Message + ", but so far only " + f.checks.text}
	case !f.measures && f.checks.any:
		return conclusion{verdict: Passed, reason: d.Reason, message: d.Message + ", " + f.checks.text}
	case !f.measures:
		return conclusion{verdict: Passed, reason: d.Reason, message: d.Message, needsEvidence: true}
	case ruling == judge.Good:
		return conclusion{verdict: Passed, reason: d.Reason, message: d.Message + ", " + why}
	case ruling == judge.Never:
		return conclusion{verdict: Inconclusive, reason: ReasonNoData, message: d.Message + ", but " + why}
	}
	return conclusion{message: d.Message + ", but so far only " + why}
}
