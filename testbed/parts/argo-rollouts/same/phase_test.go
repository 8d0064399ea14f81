package same

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	"github.com/argoproj/argo-rollouts/utils/rollout"
)

type object = map[string]any

// TestPhase_OfRandomRollouts compares phase and message. Argo knows by a field
// that is not in the API whether a template came by reference; what is saved only
// says whether there is a reference.
func TestPhase_OfRandomRollouts(t *testing.T) {
	r := random(1)
	var asked []any
	var want [][2]string
	seen := map[string]int{}
	for range questions {
		ro := randomRollout(r)
		text, err := json.Marshal(ro)
		if err != nil {
			t.Fatal(err)
		}
		var typed v1alpha1.Rollout
		if err := json.Unmarshal(text, &typed); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		typed.Spec.TemplateResolvedFromRef = typed.Spec.WorkloadRef != nil
		phase, message := rollout.GetRolloutPhase(&typed)
		asked, want = append(asked, object{"rollout": ro}), append(want, [2]string{string(phase), message})
		seen[string(phase)+" "+message]++
	}
	answers := ask[struct{ Phase, Message, Verdict, Error string }](t, "explain", asked)
	found, words := 0, map[string]int{}
	for i, a := range answers {
		if a.Error != "" || a.Phase != want[i][0] || a.Message != want[i][1] {
			differ(t, &found, asked[i], "%q (%q) %s, Argo has %q (%q)", a.Phase, a.Message, a.Error, want[i][0], want[i][1])
		}
		if a.Verdict == "passed" && want[i][0] != "Healthy" {
			differ(t, &found, asked[i], "passed, but Argo has %q (%q)", want[i][0], want[i][1])
		}
		words[a.Verdict]++
	}
	t.Logf("%d rollouts, %d differences; %d different answers, %v", len(asked), found, len(seen), words)
	if len(seen) < 20 {
		t.Errorf("only %d different answers: the questions are too much alike", len(seen))
	}
}

// randomRollout is weighted towards the narrow edge between two phases: few
// hashes and small numbers, so that they often agree.
func randomRollout(r *rand.Rand) object {
	hash := func() string { return pick(r, "", "a", "a", "a", "b") }
	meta := object{"name": "shop", "namespace": "apps", "uid": "u", "generation": r.IntN(4) + 1}
	spec, status := object{}, object{"observedGeneration": pick(r, "", "1", "2", "3", "4", "4", "4", "9", "6c7d8", "+3", "0x2")}
	if r.IntN(4) > 0 {
		status["currentPodHash"], status["stableRS"] = hash(), hash()
	}
	set := func(into object, chance int, key string, value any) {
		if r.IntN(chance) == 0 {
			into[key] = value
		}
	}
	set(spec, 2, "replicas", r.IntN(4))
	set(spec, 8, "paused", r.IntN(2) == 0)
	set(spec, 6, "restartAt", pick(r, "2026-01-01T10:00:00Z", "2026-01-01T12:00:00+02:00"))
	set(status, 4, "restartedAt", pick(r, "2026-01-01T10:00:00Z", "2026-01-01T09:00:00Z"))
	for _, key := range []string{"replicas", "updatedReplicas", "availableReplicas", "readyReplicas"} {
		set(status, 2, key, r.IntN(5))
	}
	set(status, 10, "abort", true)
	set(status, 6, "controllerPause", true)
	set(status, 5, "phase", pick(r, "Healthy", "Degraded", "Progressing", "Paused", ""))
	set(status, 5, "message", "stored words")
	if r.IntN(5) == 0 {
		var pauses []any
		for range r.IntN(3) {
			pauses = append(pauses, object{"reason": pick(r, "CanaryPauseStep", "BlueGreenPause", "InconclusiveAnalysisRun", "InconclusiveExperiment"), "startTime": "2026-01-01T10:00:00Z"})
		}
		status["pauseConditions"] = pauses
	}
	if r.IntN(3) == 0 {
		var conditions []any
		for range r.IntN(3) {
			conditions = append(conditions, object{
				"type": pick(r, "Progressing", "Available", "Healthy", "Completed", "InvalidSpec", "ReplicaFailure", "Paused"), "status": pick(r, "True", "False", "Unknown"),
				"reason": pick(r, "RolloutAborted", "ProgressDeadlineExceeded", "NewReplicaSetAvailable", "AnalysisRunFailed", "", "RolloutPaused"), "message": pick(r, "", "some words", "more: words"),
			})
		}
		status["conditions"] = conditions
	}
	if r.IntN(4) == 0 {
		spec["workloadRef"] = object{"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"}
		set(status, 2, "workloadObservedGeneration", pick(r, "1", "2", "x", "", "99999999999"))
		if r.IntN(2) == 0 {
			meta["annotations"] = object{"rollout.argoproj.io/workload-generation": pick(r, "1", "2", "y", "99999999999", "")}
		}
	}
	strategy := object{}
	if r.IntN(3) > 0 {
		strategy["canary"] = randomCanary(r)
	}
	if r.IntN(3) == 0 {
		bg := object{"activeService": "shop"}
		set(bg, 2, "autoPromotionEnabled", r.IntN(2) == 0)
		set(bg, 2, "postPromotionAnalysis", object{"templates": []any{object{"templateName": "x"}}})
		strategy["blueGreen"] = bg
		set(status, 2, "blueGreen", object{"activeSelector": hash(), "postPromotionAnalysisRunStatus": object{
			"name": "x", "status": pick(r, "", "Pending", "Running", "Successful", "Failed", "Error", "Inconclusive")}})
	}
	spec["strategy"] = strategy
	set(status, 2, "currentStepIndex", r.IntN(5))
	if r.IntN(3) == 0 {
		settle(r, meta, spec, status)
	}
	return object{"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": meta, "spec": spec, "status": status}
}

// settle brings a Rollout to its end but for one thing at most: left alone, one
// in two hundred is Healthy, and that edge is the one that lets a release pass.
func settle(r *rand.Rand, meta, spec, status object) {
	steps := []func(){
		func() { status["observedGeneration"] = fmt.Sprint(meta["generation"]) },
		func() { status["currentPodHash"], status["stableRS"] = "a", "a" },
		func() { spec["replicas"], status["replicas"] = 2, 2 },
		func() { status["updatedReplicas"], status["availableReplicas"] = 2, 2 },
		func() { delete(status, "conditions") },
		func() { delete(status, "pauseConditions"); delete(status, "controllerPause") },
		func() { delete(spec, "paused"); delete(spec, "restartAt") },
		func() { delete(spec, "workloadRef") },
		func() { status["blueGreen"] = object{"activeSelector": "a"} },
		func() { delete(status, "phase") },
	}
	left := r.IntN(2 * len(steps))
	for i, step := range steps {
		if i != left {
			step()
		}
	}
}

func randomCanary(r *rand.Rand) object {
	canary := object{}
	if r.IntN(3) == 0 {
		canary["trafficRouting"] = pick(r, object{}, object{"nginx": object{"stableIngress": "shop"}})
	}
	var steps []any
	for i := range r.IntN(5) {
		steps = append(steps, pick[any](r, object{"setWeight": 10 * (i + 1)}, object{"pause": object{}}, object{"pause": object{"duration": pick[any](r, "30s", 30, "1h", "15")}},
			object{"analysis": object{"templates": []any{object{"templateName": fmt.Sprint("t", i)}}}}))
	}
	if steps != nil || r.IntN(2) == 0 {
		canary["steps"] = steps
	}
	return canary
}
