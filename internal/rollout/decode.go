package rollout

import (
	"encoding/json"
	"strconv"
	"time"
)

// Decode reads a Rollout out of its JSON form. It never fails: what is absent or
// has an unexpected type is left out, since a gate that stops at a malformed
// field it does not need helps nobody.
func Decode(obj map[string]any) State {
	meta, spec, status := object(obj, "metadata"), object(obj, "spec"), object(obj, "status")
	notes := object(meta, "annotations")
	canary, blueGreen := object(object(spec, "strategy"), "canary"), object(object(spec, "strategy"), "blueGreen")

	s := State{
		Namespace:     text(meta, "namespace"),
		Name:          text(meta, "name"),
		UID:           text(meta, "uid"),
		Generation:    number(meta, "generation", 0),
		Revision:      text(notes, "rollout.argoproj.io/revision"),
		Deleting:      text(meta, "deletionTimestamp") != "",
		Containers:    containers(spec),
		Replicas:      number(spec, "replicas", 1),
		Paused:        flag(spec, "paused", false),
		RestartAt:     text(spec, "restartAt"),
		Canary:        canary != nil,
		BlueGreen:     blueGreen != nil,
		TrafficRouted: object(canary, "trafficRouting") != nil,
		AutoPromote:   flag(blueGreen, "autoPromotionEnabled", true),

		PostPromotionAnalysis: object(blueGreen, "postPromotionAnalysis") != nil,

		object: obj,
	}
	if ref := object(spec, "workloadRef"); ref != nil {
		s.Ref = &Ref{APIVersion: text(ref, "apiVersion"), Kind: text(ref, "kind"), Name: text(ref, "name")}
	}
	for _, item := range list(canary, "steps") {
		s.Steps = append(s.Steps, decodeStep(item))
	}
	s.Status = decodeStatus(status)
	s.Status.WorkloadGeneration = text(notes, "rollout.argoproj.io/workload-generation")
	return s
}

func decodeStatus(status map[string]any) Status {
	canary, blueGreen := object(status, "canary"), object(status, "blueGreen")
	st := Status{
		Phase:              text(status, "phase"),
		Message:            text(status, "message"),
		ObservedGeneration: text(status, "observedGeneration"),
		ObservedWorkload:   text(status, "workloadObservedGeneration"),
		PodHash:            text(status, "currentPodHash"),
		StableHash:         text(status, "stableRS"),
		ActiveHash:         text(blueGreen, "activeSelector"),
		Replicas:           number(status, "replicas", 0),
		Updated:            number(status, "updatedReplicas", 0),
		Available:          number(status, "availableReplicas", 0),
		Abort:              flag(status, "abort", false),
		PromoteFull:        flag(status, "promoteFull", false),
		ControllerPause:    flag(status, "controllerPause", false),
		RestartedAt:        text(status, "restartedAt"),
		StepIndex:          number(status, "currentStepIndex", -1),
		Weight:             number(object(object(canary, "weights"), "canary"), "weight", -1),
		PostPromotionPhase: text(object(blueGreen, "postPromotionAnalysisRunStatus"), "status"),
	}
	for _, a := range []map[string]any{
		object(canary, "currentStepAnalysisRunStatus"), object(canary, "currentBackgroundAnalysisRunStatus"),
		object(blueGreen, "prePromotionAnalysisRunStatus"), object(blueGreen, "postPromotionAnalysisRunStatus"),
	} {
		if a != nil {
			st.Analyses = append(st.Analyses, Analysis{Name: text(a, "name"), Phase: text(a, "status")})
		}
	}
	for _, c := range list(status, "conditions") {
		st.Conditions = append(st.Conditions, Condition{
			Type: text(c, "type"), Status: text(c, "status"), Reason: text(c, "reason"), Message: text(c, "message"),
		})
	}
	for _, p := range list(status, "pauseConditions") {
		st.Pauses = append(st.Pauses, Pause{Reason: text(p, "reason"), Start: moment(p, "startTime")})
	}
	return st
}

// DecodeWorkload reads the object behind a workloadRef: a Deployment or another
// kind with a pod template in its spec, or a PodTemplate.
func DecodeWorkload(obj map[string]any) *Workload {
	w := &Workload{Generation: number(object(obj, "metadata"), "generation", 0), Containers: containers(object(obj, "spec"))}
	if w.Containers == nil {
		w.Containers = containers(obj)
	}
	return w
}

func decodeStep(item map[string]any) Step {
	for kind, value := range item {
		step := Step{Kind: kind}
		switch kind {
		case "setWeight":
			step.Weight = number(item, kind, 0)
		case "pause":
			pause, _ := value.(map[string]any)
			step.Duration, step.Forever = pauseLength(pause["duration"])
		}
		return step // a step has exactly one key
	}
	return Step{}
}

// pauseLength reads a pause's duration: seconds as a number, or text such as
// "30", "30s" or "1h". Without one the pause lasts until somebody promotes.
func pauseLength(v any) (length time.Duration, forever bool) {
	if v == nil {
		return 0, true
	}
	if s, ok := v.(string); ok {
		if seconds, err := strconv.ParseInt(s, 10, 32); err == nil {
			return time.Duration(seconds) * time.Second, false
		}
		d, _ := time.ParseDuration(s)
		return d, false
	}
	return time.Duration(number(map[string]any{"v": v}, "v", 0)) * time.Second, false
}

// containers reads template.spec.containers of parent.
func containers(parent map[string]any) []Container {
	var out []Container
	for _, c := range list(object(object(parent, "template"), "spec"), "containers") {
		out = append(out, Container{Name: text(c, "name"), Image: text(c, "image")})
	}
	return out
}

// The five readers below take nil maps and wrong types, and answer with nothing.

func object(m map[string]any, key string) map[string]any {
	o, _ := m[key].(map[string]any)
	return o
}

func list(m map[string]any, key string) []map[string]any {
	items, _ := m[key].([]any)
	var out []map[string]any
	for _, item := range items {
		if o, ok := item.(map[string]any); ok {
			out = append(out, o)
		}
	}
	return out
}

func text(m map[string]any, key string) string {
	s, _ := m[key].(string)
	return s
}

func flag(m map[string]any, key string, otherwise bool) bool {
	if b, ok := m[key].(bool); ok {
		return b
	}
	return otherwise
}

func number(m map[string]any, key string, otherwise int64) int64 {
	switch n := m[key].(type) {
	case int64:
		return n
	case int:
		return int64(n)
	case float64:
		if i := int64(n); n > -1<<63 && n < 1<<63 && float64(i) == n {
			return i
		}
	case json.Number:
		if i, err := n.Int64(); err == nil {
			return i
		}
	}
	return otherwise
}

func moment(m map[string]any, key string) time.Time {
	t, _ := time.Parse(time.RFC3339, text(m, key))
	return t
}
