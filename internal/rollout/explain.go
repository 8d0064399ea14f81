package rollout

import "fmt"

// Explanation is what a saved Rollout and its AnalysisRuns say.
type Explanation struct {
	Phase   string `json:"phase"`   // as Argo Rollouts shows it
	Message string `json:"message"` // beside the phase
	Verdict string `json:"verdict"` // passed, failed, inconclusive or waiting
	Reason  string `json:"reason"`  // one machine word
	Why     string `json:"why"`     // one sentence
}

// The reasons that the AnalysisRuns add.
const (
	ReasonAnalysisFailed  = "analysis_failed"
	ReasonAnalysisError   = "analysis_error"
	ReasonAnalysisRunning = "analysis_running"
	ReasonNoEvidence      = "no_measurements"
)

// Explain judges objects as they were saved, without a cluster. The runs are
// taken for the Rollout's own; a Rollout without any passes by its phase.
func Explain(s State, runs []Run, want Expectation) Explanation {
	d := Decide(s, want)
	e := Explanation{Reason: d.Reason, Why: d.Message}
	e.Phase, e.Message = Phase(s)
	if d.Answer == Pass || d.Answer == Wait {
		if reason, why, answer, ok := judged(runs, d.Answer); ok {
			d.Answer, e.Reason, e.Why = answer, reason, why
		}
	}
	e.Verdict = map[Answer]string{Wait: "waiting", Pass: "passed", Fail: "failed", Undecided: "inconclusive"}[d.Answer]
	return e
}

// ExplainRun judges one AnalysisRun alone.
func ExplainRun(r Run) Explanation {
	e := Explanation{Phase: r.Phase, Message: r.Message, Verdict: "passed", Reason: "analysis_successful", Why: fmt.Sprintf("AnalysisRun %s measured what it should", r.Name)}
	if e.Phase == "" {
		e.Phase = "Pending"
	}
	if reason, why, answer, ok := judged([]Run{r}, Pass); ok {
		e.Reason, e.Why = reason, why
		e.Verdict = map[Answer]string{Wait: "waiting", Fail: "failed", Undecided: "inconclusive"}[answer]
	}
	return e
}

// judged finds what the runs have against a Rollout that has come to an answer.
func judged(runs []Run, answer Answer) (reason, why string, out Answer, ok bool) {
	phase, cause := Cause(runs)
	switch phase {
	case "Failed":
		return ReasonAnalysisFailed, cause, Fail, true
	case "Error":
		return ReasonAnalysisError, cause, Fail, true
	case "Inconclusive":
		return ReasonInconclusive, cause, Undecided, true
	}
	if answer != Pass {
		return "", "", answer, false
	}
	for _, r := range runs {
		switch {
		case !r.Complete():
			return ReasonAnalysisRunning, fmt.Sprintf("AnalysisRun %s is not at its end", r.Name), Wait, true
		case !r.Evidence():
			return ReasonNoEvidence, fmt.Sprintf("AnalysisRun %s is Successful, but has no good measurement that counts", r.Name), Undecided, true
		}
	}
	return "", "", answer, false
}
