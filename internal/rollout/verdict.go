package rollout

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Answer is what a Rollout says about the release right now.
type Answer int

// The answers of [Decide].
const (
	Wait      Answer = iota // not at its end: keep watching
	Pass                    // this revision is fully promoted and healthy
	Fail                    // this revision failed
	Undecided               // it stands still until somebody decides
)

func (a Answer) String() string { return [...]string{"wait", "pass", "fail", "undecided"}[a] }

// Decision is an [Answer] with its cause.
type Decision struct {
	Answer  Answer
	Reason  string // one machine word: "aborted"
	Message string // one sentence that names the Rollout
}

// The reasons of a [Decision].
const (
	ReasonHealthy      = "healthy"
	ReasonNotExpected  = "image_not_expected" // another image is wanted by the spec: the release was not applied yet
	ReasonSuperseded   = "superseded"         // the expected image was there and was replaced
	ReasonUnobserved   = "unobserved"         // the controller has not seen the spec yet
	ReasonDeleting     = "deleting"
	ReasonProgressing  = "progressing"
	ReasonInvalidSpec  = "invalid_spec"
	ReasonAborted      = "aborted"
	ReasonAborting     = "aborting" // an abort is asked for, or is being cleared
	ReasonDeadline     = "progress_deadline"
	ReasonDegraded     = "degraded"
	ReasonManualPause  = "manual_pause"
	ReasonPaused       = "paused" // at a step that only a human ends
	ReasonInconclusive = "analysis_inconclusive"
	ReasonScaledToZero = "scaled_to_zero"
	ReasonStep         = "step_reached"
)

// Expectation is the revision that is waited for, and how far it shall come.
type Expectation struct {
	Image     Image  // the zero Image expects no certain one
	Container string // must run the image; empty means any
	Seen      bool   // the Rollout wanted the image before
	Until     Target
}

// Target is how far a revision has to come for a [Pass]. The zero Target is that
// it is healthy and fully promoted, which satisfies every other target too.
type Target struct {
	Paused bool // at a pause that only a human ends
	Step   int  // at this step, counted from 1, or beyond it
}

// ParseTarget reads "healthy", "paused" or "step:3".
func ParseTarget(s string) (Target, error) {
	switch s {
	case "", "healthy":
		return Target{}, nil
	case "paused":
		return Target{Paused: true}, nil
	}
	number, ok := strings.CutPrefix(s, "step:")
	if n, err := strconv.Atoi(number); ok && err == nil && n > 0 {
		return Target{Step: n}, nil
	}
	return Target{}, fmt.Errorf("it must be healthy, paused, or step:N with N counted from 1")
}

// String writes the target as [ParseTarget] reads it.
func (t Target) String() string {
	switch {
	case t.Paused:
		return "paused"
	case t.Step > 0:
		return fmt.Sprintf("step:%d", t.Step)
	}
	return "healthy"
}

// wants reports whether the Rollout's template runs what is expected.
func (e Expectation) wants(s State) bool {
	if e.Image == (Image{}) {
		return true
	}
	_, ok := e.Image.Find(s.Template(), e.Container)
	return ok
}

// Decide says what the Rollout means for the expected revision. It is a pure
// function of one sighting; time-outs and measurements are the caller's.
//
// The order carries the safety. The image is compared first, then whether the
// controller has seen the spec: only after both does the status speak of this
// revision, so neither an old success nor an old failure is taken for a new one.
func Decide(s State, want Expectation) Decision {
	name := "Rollout " + s.Namespace + "/" + s.Name
	if !want.wants(s) {
		if want.Seen {
			return Decision{Undecided, ReasonSuperseded, fmt.Sprintf("%s was changed from %s to %s while it was watched", name, want.Image, images(s))}
		}
		return Decision{Wait, ReasonNotExpected, fmt.Sprintf("%s does not want %s yet, its template has %s", name, want.Image, images(s))}
	}
	if why := unobserved(s); why != "" {
		return Decision{Wait, ReasonUnobserved, name + " is " + why}
	}
	// The annotation trails the workload: between the two the status still
	// speaks of the revision before, and everything else looks settled.
	if s.Workload != nil && s.Status.ObservedWorkload != strconv.FormatInt(s.Workload.Generation, 10) {
		return Decision{Wait, ReasonUnobserved, fmt.Sprintf("%s has not seen the change of %s %s yet", name, s.Ref.Kind, s.Ref.Name)}
	}
	if s.Deleting {
		return Decision{Wait, ReasonDeleting, name + " is being deleted"}
	}
	if d, ok := failure(s, name); ok {
		return d
	}
	if current, all := s.Step(); want.Until.Step > 0 && !s.BlueGreen && (current >= want.Until.Step || s.Promoted()) && s.Status.Updated > 0 {
		return Decision{Pass, ReasonStep, fmt.Sprintf("%s is at step %d of %d, %s was asked for", name, current, all, want.Until)}
	}
	if d, ok := pause(s, name); ok {
		if want.Until.Paused && d.Reason == ReasonPaused {
			d.Answer = Pass
		}
		return d
	}
	return progress(s, name)
}

// failure finds the conditions after which this revision will not become healthy.
func failure(s State, name string) (Decision, bool) {
	for _, c := range s.Status.Conditions {
		switch {
		case c.Type == conditionInvalidSpec:
			return Decision{Fail, ReasonInvalidSpec, fmt.Sprintf("%s has an invalid spec: %s", name, c.Message)}, true
		case c.Reason == reasonAborted:
			return Decision{Fail, ReasonAborted, fmt.Sprintf("%s was aborted: %s", name, c.Message)}, true
		case c.Reason == reasonDeadline:
			return Decision{Fail, ReasonDeadline, fmt.Sprintf("%s made no progress before its deadline: %s", name, c.Message)}, true
		}
	}
	switch {
	case s.Status.Phase == Degraded:
		return Decision{Fail, ReasonDegraded, fmt.Sprintf("%s is Degraded: %s", name, s.Status.Message)}, true
	case s.Status.Abort:
		// Without its condition this is either the wish to abort, or what is left
		// of an abort when the next version is released over it: Argo Rollouts
		// v1.10.1 clears it one update of the status after it has observed the new
		// spec. Neither is a failure yet, and neither must pass.
		return Decision{Wait, ReasonAborting, name + " is marked to be aborted"}, true
	}
	return Decision{}, false
}

// pause tells a pause that ends by itself from one that waits for somebody.
func pause(s State, name string) (Decision, bool) {
	if s.Paused {
		return Decision{Undecided, ReasonManualPause, name + " is paused by hand: set spec.paused to false to go on"}, true
	}
	if len(s.Status.Pauses) == 0 {
		return Decision{}, false
	}
	// Argo shows the first reason only; an inconclusive analysis may come second.
	for _, p := range s.Status.Pauses {
		if p.Reason == pauseInconclusiveRun || p.Reason == pauseInconclusiveExperiment {
			return Decision{Undecided, ReasonInconclusive, fmt.Sprintf("%s is paused because its analysis is inconclusive (%s)", name, p.Reason)}, true
		}
	}
	first := s.Status.Pauses[0]
	current, all := s.Step()
	switch {
	case first.Reason == pauseBlueGreen && s.AutoPromote:
		return Decision{Wait, ReasonProgressing, name + " is paused until it promotes itself"}, true
	case first.Reason == pauseCanaryStep && current > 0 && !s.Steps[current-1].Forever:
		until := "for " + s.Steps[current-1].Duration.String()
		if end := s.PauseEnd(); !end.IsZero() {
			until = "until " + end.UTC().Format(time.TimeOnly) + " UTC"
		}
		return Decision{Wait, ReasonProgressing, fmt.Sprintf("%s is paused %s at step %d of %d", name, until, current, all)}, true
	case current > 0:
		return Decision{Undecided, ReasonPaused, fmt.Sprintf("%s is paused at step %d of %d until somebody promotes or aborts it", name, current, all)}, true
	}
	return Decision{Undecided, ReasonPaused, fmt.Sprintf("%s is paused (%s) until somebody promotes or aborts it", name, first.Reason)}, true
}

// progress asks twice whether the Rollout is healthy: the phase the controller
// stored, and the same rules applied to the numbers beside it. Both must agree.
func progress(s State, name string) Decision {
	phase, message := Phase(s)
	if own, why := calculate(s); phase == Healthy && own != Healthy {
		phase, message = own, why
	}
	switch {
	case phase == Paused:
		return Decision{Undecided, ReasonPaused, fmt.Sprintf("%s is paused: %s", name, message)}
	case phase != Healthy:
		return Decision{Wait, ReasonProgressing, fmt.Sprintf("%s is %s: %s", name, phase, message)}
	case !s.Promoted():
		return Decision{Wait, ReasonProgressing, name + " is Healthy, but this revision is not the stable one"}
	case s.Replicas == 0:
		return Decision{Undecided, ReasonScaledToZero, name + " is scaled to zero, so nothing runs that could be judged"}
	}
	return Decision{Pass, ReasonHealthy, fmt.Sprintf("%s is Healthy with revision %s fully promoted", name, s.Status.PodHash)}
}

// Warnings lists what is wrong beside the phase, one sentence each.
func Warnings(s State) []string {
	var out []string
	for _, c := range s.Status.Conditions {
		if (c.Type == "ReplicaFailure" && c.Status == "True") || c.Reason == "AnalysisRunFailed" {
			out = append(out, fmt.Sprintf("condition %s (%s): %s", c.Type, c.Reason, c.Message))
		}
	}
	switch {
	case s.Status.PromoteFull:
		out = append(out, "the Rollout is being promoted in full: Argo skips all of its steps and its analysis")
	case s.First():
		out = append(out, "this is the Rollout's first deployment: Argo skips its steps and its analysis then")
	}
	return out
}

// images lists what the template runs, for a sentence.
func images(s State) string {
	template := s.Template()
	if len(template) == 0 {
		if s.Ref != nil {
			return fmt.Sprintf("no containers because %s %s was not found", s.Ref.Kind, s.Ref.Name)
		}
		return "no containers"
	}
	all := make([]string, len(template))
	for i, c := range template {
		all[i] = c.Image
	}
	return strings.Join(all, ", ")
}
