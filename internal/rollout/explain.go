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

// verdicts are what each answer is called.
var verdicts = map[Answer]string{Wait: "waiting", Pass: "passed", Fail: "failed", Undecided: "inconclusive"}

// Explain judges objects as they were saved, without a cluster, as a gate does that
// requires analysis. The runs are taken for the Rollout's own; a Rollout without any
// passes by its phase.
func Explain(s State, runs []Run, want Expectation) Explanation {
	d, _ := Weigh(s, Decide(s, want), runs, Demand{Each: len(runs) > 0, Until: want.Until})
	e := Explanation{Verdict: verdicts[d.Answer], Reason: d.Reason, Why: d.Message}
	e.Phase, e.Message = Phase(s)
	return e
}

// ExplainRun judges one AnalysisRun alone.
func ExplainRun(r Run) Explanation {
	d := Decision{Pass, "analysis_successful", fmt.Sprintf("AnalysisRun %s measured what it should", r.Name)}
	d, _ = Weigh(State{}, d, []Run{r}, Demand{Each: true})
	e := Explanation{Phase: r.Phase, Message: r.Message, Verdict: verdicts[d.Answer], Reason: d.Reason, Why: d.Message}
	if e.Phase == "" {
		e.Phase = "Pending"
	}
	return e
}
