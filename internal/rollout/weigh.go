package rollout

import (
	"fmt"
	"slices"
	"strings"
)

// The reasons that the AnalysisRuns add.
const (
	ReasonAnalysisFailed  = "analysis_failed"
	ReasonAnalysisError   = "analysis_error"
	ReasonAnalysisRunning = "analysis_running"
	ReasonNoEvidence      = "no_measurements"
)

// Speaks reports whether it rests on a status of the expected revision, and not on
// one of the revision before it or after it.
func (d Decision) Speaks() bool {
	switch d.Reason {
	case ReasonNotExpected, ReasonSuperseded, ReasonUnobserved, ReasonDeleting:
		return false
	}
	return true
}

// Demand is what the AnalysisRuns have to show for a Rollout to pass.
type Demand struct {
	Some  bool   // one has to have measured something good
	Each  bool   // and every other as well
	Until Target // short of the end, those in the background go on and show nothing yet
	Over  bool   // those that have not ended by now will not
}

// Weigh says what the AnalysisRuns of its revision make of a Rollout's decision: why
// it was aborted or is paused, and whether it may pass or be waited for. Without are
// the names of those that ended without a good measurement that counts: "Successful"
// is no evidence, Argo says so of a run that was stopped before it measured anything.
func Weigh(s State, d Decision, runs []Run, demand Demand) (out Decision, without []string) {
	name := "Rollout " + s.Namespace + "/" + s.Name
	phase, why := Cause(runs)
	if d.Answer == Fail || d.Answer == Undecided || !d.Speaks() {
		switch {
		case why == "":
		case d.Reason == ReasonAborted:
			d.Message = fmt.Sprintf("%s was aborted because %s", name, why)
			if phase == "Error" { // the metrics may be broken, not the release
				d.Reason = ReasonAnalysisError
			}
		case d.Reason == ReasonInconclusive:
			d.Message = fmt.Sprintf("%s is paused because %s", name, why)
		}
		return d, nil
	}
	runs = latest(runs)
	switch phase, why = Cause(runs); phase {
	case "Failed":
		return Decision{Fail, ReasonAnalysisFailed, why}, nil
	case "Error":
		return Decision{Fail, ReasonAnalysisError, why}, nil
	case "Inconclusive":
		return Decision{Undecided, ReasonInconclusive, why}, nil
	}
	if d.Answer == Wait {
		return d, nil
	}
	with, running := false, ""
	for _, r := range runs {
		switch {
		case r.Evidence():
			with = true
		case r.Complete() || (demand.Over && demand.Until == Target{}):
			without = append(without, r.Name)
		case demand.Until == Target{}:
			running = r.Name
		}
	}
	switch {
	case !demand.Some && !demand.Each:
	case running != "":
		return Decision{Wait, ReasonAnalysisRunning, fmt.Sprintf("AnalysisRun %s is not at its end", running)}, nil
	case len(without) > 0 && (demand.Each || !with):
		return Decision{Undecided, ReasonNoEvidence, fmt.Sprintf("AnalysisRun %s has no good measurement that counts", strings.Join(without, ", "))}, nil
	case !with:
		return Decision{Undecided, ReasonNoEvidence, "no AnalysisRun of this revision has a good measurement"}, nil
	}
	return d, without
}

// latest leaves out what was measured again: a release that was aborted and tried
// anew has another run for the same step, and that one counts.
func latest(runs []Run) []Run {
	runs = slices.Clone(runs)
	slices.SortStableFunc(runs, func(a, b Run) int { return a.Created.Compare(b.Created) })
	seen := map[[2]string]bool{}
	var out []Run
	for _, r := range slices.Backward(runs) {
		what := [2]string{r.Type, r.Step}
		if r.Type == "" || !seen[what] { // a saved one may have lost its labels
			out = append(out, r)
		}
		seen[what] = true
	}
	slices.Reverse(out)
	return out
}
