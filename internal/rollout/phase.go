package rollout

import (
	"strconv"
	"time"
)

// The phases of a Rollout.
const (
	Healthy     = "Healthy"
	Degraded    = "Degraded"
	Progressing = "Progressing"
	Paused      = "Paused"
)

// Condition and pause reasons that Argo Rollouts writes.
const (
	conditionInvalidSpec = "InvalidSpec"
	reasonAborted        = "RolloutAborted"
	reasonDeadline       = "ProgressDeadlineExceeded"

	pauseCanaryStep             = "CanaryPauseStep"
	pauseBlueGreen              = "BlueGreenPause"
	pauseInconclusiveRun        = "InconclusiveAnalysisRun"
	pauseInconclusiveExperiment = "InconclusiveExperiment"
)

// Phase returns the phase and message that Argo Rollouts shows for a Rollout
// (GetRolloutPhase): the stored one, once the controller has seen the whole spec.
func Phase(s State) (phase, message string) {
	if why := unobserved(s); why != "" {
		return Progressing, why
	}
	if s.Status.Phase != "" {
		return s.Status.Phase, s.Status.Message
	}
	return calculate(s)
}

// unobserved says what of the spec the controller has not acted upon yet; until
// then the status speaks of the past.
func unobserved(s State) string {
	// A number that is not one, or a larger one, is a v0.9 hash: no evidence either way.
	if seen, err := strconv.ParseInt(s.Status.ObservedGeneration, 10, 64); err == nil && seen < s.Generation {
		return "waiting for rollout spec update to be observed"
	}
	if s.Status.ControllerPause && len(s.Status.Pauses) == 0 {
		return "waiting for rollout to unpause"
	}
	if s.Ref == nil {
		return ""
	}
	last, errLast := strconv.ParseInt(s.Status.WorkloadGeneration, 10, 32)
	seen, errSeen := strconv.ParseInt(s.Status.ObservedWorkload, 10, 32)
	if errLast == nil && errSeen == nil && last != seen {
		return "waiting for rollout spec update to be observed for the reference workload"
	}
	return ""
}

// calculate derives the phase from spec and status, in the order of Argo's
// CalculateRolloutPhase: the first rule that applies wins.
func calculate(s State) (phase, message string) {
	st := s.Status
	for _, c := range st.Conditions {
		if c.Type == conditionInvalidSpec { // its status is not looked at
			return Degraded, conditionInvalidSpec + ": " + c.Message
		}
		if c.Reason == reasonAborted || c.Reason == reasonDeadline {
			return Degraded, c.Reason + ": " + c.Message
		}
	}
	switch {
	case s.Paused:
		return Paused, "manually paused"
	case len(st.Pauses) > 0:
		return Paused, st.Pauses[0].Reason
	case s.RestartAt != "" && !sameMoment(s.RestartAt, st.RestartedAt):
		return Progressing, "rollout is restarting"
	case st.Updated < s.Replicas:
		return Progressing, "more replicas need to be updated"
	case st.Available < st.Updated:
		return Progressing, "updated replicas are still becoming available"
	}
	if s.BlueGreen {
		switch {
		case st.ActiveHash == "" || st.ActiveHash != st.PodHash:
			return Progressing, "active service cutover pending"
		case !s.Promoted() && s.PostPromotionAnalysis && !runComplete(st.PostPromotionPhase):
			return Progressing, "waiting for analysis to complete"
		case !s.Promoted():
			return Progressing, "waiting for post-promotion verification to complete"
		}
		return Healthy, ""
	}
	if !s.Canary { // an invalid spec that nobody has looked at yet
		return Healthy, ""
	}
	switch {
	case !s.TrafficRouted && st.Replicas > st.Updated:
		// Behind a traffic router old pods may stay for a scale-down delay.
		return Progressing, "old replicas are pending termination"
	case !s.Promoted():
		return Progressing, "waiting for all steps to complete"
	}
	return Healthy, ""
}

// runComplete reports whether an AnalysisRun in this phase is at its end.
func runComplete(phase string) bool {
	switch phase {
	case "Successful", "Failed", "Error", "Inconclusive":
		return true
	}
	return false
}

// sameMoment compares times, which may be written in different zones.
func sameMoment(a, b string) bool {
	x, errX := time.Parse(time.RFC3339, a)
	y, errY := time.Parse(time.RFC3339, b)
	if errX != nil || errY != nil {
		return a == b
	}
	return x.Equal(y)
}
