package rollout

import (
	"encoding/json"
	"go/parser"
	"go/token"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// base is a canary that is fully promoted and healthy.
const base = `
metadata: {namespace: apps, name: backend, uid: u1, generation: 7, annotations: {rollout.argoproj.io/revision: "3"}}
spec:
  replicas: 4
  strategy: {canary: {steps: [{setWeight: 25}, {pause: {duration: 30s}}, {setWeight: 50}, {pause: {}}]}}
  template: {spec: {containers: [{name: proxy, image: envoy:1}, {name: backend, image: "reg:5001/shop/backend:v2"}]}}
status:
  phase: Healthy
  observedGeneration: "7"
  currentPodHash: new
  stableRS: new
  currentStepIndex: 4
  replicas: 4
  updatedReplicas: 4
  availableReplicas: 4
  conditions: [{type: Progressing, status: "True", reason: NewReplicaSetAvailable, message: done}]
`

// with lays a YAML patch (JSON merge patch rules: null removes) over base.
func with(t testing.TB, patch string) State {
	t.Helper()
	var object, over map[string]any
	if err := yaml.Unmarshal([]byte(base), &object); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal([]byte(patch), &over); err != nil {
		t.Fatal(err)
	}
	merge(object, over)
	return Decode(object)
}

func merge(into, from map[string]any) {
	for k, v := range from {
		sub, isMap := v.(map[string]any)
		old, wasMap := into[k].(map[string]any)
		switch {
		case v == nil:
			delete(into, k)
		case isMap && wasMap:
			merge(old, sub)
		default:
			into[k] = v
		}
	}
}

var v2 = Image{Repository: "reg:5001/shop/backend", Tag: "v2"}

// TestDecide_EachRow has every row of what a Rollout can look like. Without a
// stored phase the rules are applied here; with one it must agree.
func TestDecide_EachRow(t *testing.T) {
	const unstored = `status: {phase: null, message: null}` + "\n"
	for _, c := range []struct {
		name, patch string
		answer      Answer
		reason      string
		contains    string // in the message
	}{
		{"1 spec not observed, though Healthy is stored", `{metadata: {generation: 8}}`, Wait, ReasonUnobserved, "spec update to be observed"},
		{"1 spec not observed, though Degraded is stored", `{metadata: {generation: 8}, status: {phase: Degraded, message: old}}`, Wait, ReasonUnobserved, ""},
		{"1 an observed generation that is a hash counts as observed", `{status: {observedGeneration: 6d8f9c}}`, Pass, ReasonHealthy, ""},
		{"1 one that is larger does too", `{status: {observedGeneration: "99999"}}`, Pass, ReasonHealthy, ""},
		{"2 being unpaused", `{status: {controllerPause: true, pauseConditions: null}}`, Wait, ReasonUnobserved, "unpause"},
		{"4 stored Progressing", `{status: {phase: Progressing, message: more replicas need to be updated}}`, Wait, ReasonProgressing, "more replicas"},
		{"4 stored Degraded without a condition we know", `{status: {phase: Degraded, message: weird}}`, Fail, ReasonDegraded, "weird"},
		{"4 stored Paused without a pause we know", `{status: {phase: Paused, message: odd}}`, Undecided, ReasonPaused, "odd"},
		{"4 a phase of the future", `{status: {phase: Dancing}}`, Wait, ReasonProgressing, "Dancing"},
		{"5 invalid spec", `{status: {phase: Degraded, conditions: [{type: InvalidSpec, status: "True", reason: InvalidSpec, message: no selector}]}}`, Fail, ReasonInvalidSpec, "no selector"},
		{"5 its status is not looked at", `{status: {conditions: [{type: InvalidSpec, status: "False", message: m}]}}`, Fail, ReasonInvalidSpec, ""},
		{"6 aborted", `{status: {phase: Degraded, abort: true, stableRS: old, conditions: [{type: Progressing, status: "False", reason: RolloutAborted, message: "Rollout aborted update to revision 3"}]}}`, Fail, ReasonAborted, "revision 3"},
		{"6 aborted, in a condition of any type", `{status: {conditions: [{type: Whatever, reason: RolloutAborted}]}}`, Fail, ReasonAborted, ""},
		{"7 no progress", `{status: {phase: Degraded, conditions: [{type: Progressing, reason: ProgressDeadlineExceeded, message: timed out progressing}]}}`, Fail, ReasonDeadline, "timed out"},
		{"8 paused by hand", `{spec: {paused: true}, status: {phase: Paused, message: manually paused}}`, Undecided, ReasonManualPause, "spec.paused"},
		{"9 step with a duration", `{status: {phase: Paused, message: CanaryPauseStep, stableRS: old, currentStepIndex: 1, controllerPause: true, pauseConditions: [{reason: CanaryPauseStep, startTime: "2026-01-01T10:00:00Z"}]}}`, Wait, ReasonProgressing, "until 10:00:30 UTC at step 2 of 4"},
		{"9 step without one", `{status: {phase: Paused, message: CanaryPauseStep, stableRS: old, currentStepIndex: 3, controllerPause: true, pauseConditions: [{reason: CanaryPauseStep, startTime: "2026-01-01T10:00:00Z"}]}}`, Undecided, ReasonPaused, "step 4 of 4"},
		{"10 blue-green that promotes itself", `{spec: {strategy: {canary: null, blueGreen: {activeService: a}}}, status: {phase: Paused, message: BlueGreenPause, controllerPause: true, currentStepIndex: null, pauseConditions: [{reason: BlueGreenPause}]}}`, Wait, ReasonProgressing, "promotes itself"},
		{"10 blue-green that does not", `{spec: {strategy: {canary: null, blueGreen: {autoPromotionEnabled: false}}}, status: {phase: Paused, message: BlueGreenPause, controllerPause: true, currentStepIndex: null, pauseConditions: [{reason: BlueGreenPause}]}}`, Undecided, ReasonPaused, "BlueGreenPause"},
		{"11 inconclusive analysis", `{status: {phase: Paused, stableRS: old, controllerPause: true, pauseConditions: [{reason: InconclusiveAnalysisRun}]}}`, Undecided, ReasonInconclusive, "inconclusive"},
		{"11 inconclusive, second in the list", `{status: {phase: Paused, stableRS: old, controllerPause: true, currentStepIndex: 1, pauseConditions: [{reason: CanaryPauseStep}, {reason: InconclusiveExperiment}]}}`, Undecided, ReasonInconclusive, "InconclusiveExperiment"},
		{"12 restarting", unstored + `spec: {restartAt: "2026-01-01T00:00:00Z"}`, Wait, ReasonProgressing, "restarting"},
		{"13 more replicas", `{status: {phase: null, updatedReplicas: 1}}`, Wait, ReasonProgressing, "more replicas"},
		{"13 though Healthy is stored", `{status: {updatedReplicas: 1}}`, Wait, ReasonProgressing, "more replicas"},
		{"13 no replicas in the spec is one", `{spec: {replicas: null}, status: {phase: null, replicas: 0, updatedReplicas: 0, availableReplicas: 0}}`, Wait, ReasonProgressing, "more replicas"},
		{"14 not available yet", `{status: {phase: null, availableReplicas: 3}}`, Wait, ReasonProgressing, "becoming available"},
		{"15 blue-green before the switch", `{spec: {strategy: {canary: null, blueGreen: {}}}, status: {phase: null, blueGreen: {activeSelector: old}}}`, Wait, ReasonProgressing, "cutover pending"},
		{"16 blue-green, analysis after the switch", `{spec: {strategy: {canary: null, blueGreen: {postPromotionAnalysis: {templates: []}}}}, status: {phase: null, stableRS: old, blueGreen: {activeSelector: new, postPromotionAnalysisRunStatus: {status: Running}}}}`, Wait, ReasonProgressing, "analysis to complete"},
		{"16 blue-green, verification after the switch", `{spec: {strategy: {canary: null, blueGreen: {postPromotionAnalysis: {templates: []}}}}, status: {phase: null, stableRS: old, blueGreen: {activeSelector: new, postPromotionAnalysisRunStatus: {status: Successful}}}}`, Wait, ReasonProgressing, "verification to complete"},
		{"16 blue-green, done", `{spec: {strategy: {canary: null, blueGreen: {}}}, status: {phase: null, blueGreen: {activeSelector: new}}}`, Pass, ReasonHealthy, ""},
		{"17 old pods still there", `{status: {phase: null, replicas: 5}}`, Wait, ReasonProgressing, "old replicas"},
		{"17 not behind a traffic router", `{spec: {strategy: {canary: {trafficRouting: {istio: {}}}}}, status: {phase: null, replicas: 5}}`, Pass, ReasonHealthy, ""},
		{"18 steps left", `{status: {phase: null, stableRS: old}}`, Wait, ReasonProgressing, "all steps"},
		{"18 no stable revision", `{status: {stableRS: null}}`, Wait, ReasonProgressing, "all steps"},
		{"18 no hash at all", `{status: {stableRS: null, currentPodHash: null}}`, Wait, ReasonProgressing, "all steps"},
		{"19 healthy, stored", `{}`, Pass, ReasonHealthy, "revision new"},
		{"19 healthy, by the rules", unstored, Pass, ReasonHealthy, ""},
		{"20 empty status", `{status: null}`, Wait, ReasonProgressing, "more replicas"},
		{"20 empty status and no replicas", `{spec: {replicas: 0}, status: null}`, Wait, ReasonProgressing, "all steps"},
		{"21 abort without its condition", `{status: {abort: true}}`, Wait, ReasonAborting, ""},
		{"21 what an abort leaves behind in the next release", `{status: {abort: true, phase: Progressing, message: more replicas need to be updated, stableRS: old, updatedReplicas: 0}}`, Wait, ReasonAborting, ""},
		{"22 bad conditions that Argo does not read", `{status: {conditions: [{type: Healthy, status: "False"}, {type: ReplicaFailure, status: "True"}, {type: Progressing, reason: AnalysisRunFailed}]}}`, Pass, ReasonHealthy, ""},
		{"23 scaled to zero", `{spec: {replicas: 0}, status: {replicas: 0, updatedReplicas: 0, availableReplicas: 0}}`, Undecided, ReasonScaledToZero, "zero"},
		{"numbers that no Rollout can have are left out", `{spec: {replicas: 1.0e+30}, status: {updatedReplicas: -1.0e+30}}`, Wait, ReasonProgressing, "more replicas"},
		{"being deleted", `{metadata: {deletionTimestamp: "2026-01-01T00:00:00Z"}}`, Wait, ReasonDeleting, "deleted"},
		{"conditions of a wrong type are left out", `{status: {conditions: {}}}`, Pass, ReasonHealthy, ""},
		{"another image, however healthy", `{spec: {template: {spec: {containers: [{name: backend, image: "reg:5001/shop/backend:v1"}]}}}}`, Wait, ReasonNotExpected, "backend:v1"},
		{"another image, however degraded", `{spec: {template: {spec: {containers: [{name: backend, image: "reg:5001/shop/backend:v1"}]}}}, status: {phase: Degraded, abort: true}}`, Wait, ReasonNotExpected, ""},
	} {
		s := with(t, c.patch)
		d := Decide(s, Expectation{Image: v2})
		if d.Answer != c.answer || d.Reason != c.reason || !strings.Contains(d.Message, c.contains) || !strings.HasPrefix(d.Message, "Rollout apps/backend ") {
			t.Errorf("%s: %s %s %q, want %s %s with %q", c.name, d.Answer, d.Reason, d.Message, c.answer, c.reason, c.contains)
		}
	}
}

// TestDecide_Workload is row 3, and the race that Argo's own status misses: the
// Deployment has changed, but the controller has not written it down yet.
func TestDecide_Workload(t *testing.T) {
	ref := `{spec: {template: null, workloadRef: {apiVersion: apps/v1, kind: Deployment, name: backend}}, `
	for _, c := range []struct {
		name, patch string
		generation  int64 // of the Deployment; -1: there is none
		answer      Answer
		contains    string
	}{
		{"observed", ref + `metadata: {annotations: {rollout.argoproj.io/workload-generation: "5"}}, status: {workloadObservedGeneration: "5"}}`, 5, Pass, ""},
		{"annotation ahead", ref + `metadata: {annotations: {rollout.argoproj.io/workload-generation: "6"}}, status: {workloadObservedGeneration: "5"}}`, 6, Wait, "reference workload"},
		{"Deployment ahead of both", ref + `metadata: {annotations: {rollout.argoproj.io/workload-generation: "5"}}, status: {workloadObservedGeneration: "5"}}`, 6, Wait, "has not seen the change of Deployment backend"},
		{"no Deployment", ref + `metadata: {annotations: {rollout.argoproj.io/workload-generation: "5"}}, status: {workloadObservedGeneration: "5"}}`, -1, Wait, "Deployment backend was not found"},
	} {
		s := with(t, c.patch)
		if c.generation >= 0 {
			s.Workload = &Workload{Generation: c.generation, Containers: []Container{{Name: "backend", Image: v2.String()}}}
		}
		if d := Decide(s, Expectation{Image: v2}); d.Answer != c.answer || !strings.Contains(d.Message, c.contains) {
			t.Errorf("%s: %s %q, want %s with %q", c.name, d.Answer, d.Message, c.answer, c.contains)
		}
	}
}

func TestDecide_Superseded(t *testing.T) {
	other := with(t, `{spec: {template: {spec: {containers: [{name: backend, image: "reg:5001/shop/backend:v3"}]}}}}`)
	if d := Decide(other, Expectation{Image: v2, Seen: true}); d.Answer != Undecided || d.Reason != ReasonSuperseded {
		t.Errorf("%+v", d)
	}
	if d := Decide(with(t, `{}`), Expectation{Image: v2, Container: "proxy"}); d.Answer != Wait || d.Reason != ReasonNotExpected {
		t.Errorf("the image in another container: %+v", d)
	}
}

// TestPhase_IsArgos checks that where Argo answers otherwise than the gate, the
// phase shown is still Argo's.
func TestPhase_IsArgos(t *testing.T) {
	for patch, want := range map[string]string{
		`{status: {phase: null, abort: true}}`: Healthy,
		`{spec: {replicas: 0}, status: {phase: null, replicas: 0, updatedReplicas: 0, availableReplicas: 0}}`: Healthy,
		`{spec: {paused: true}, status: {phase: null}}`:                                                       Paused,
		`{metadata: {generation: 8}, status: {phase: Degraded}}`:                                              Progressing,
		`{status: {phase: null, conditions: [{reason: RolloutAborted}]}}`:                                     Degraded,
	} {
		if got, _ := Phase(with(t, patch)); got != want {
			t.Errorf("%s: %s, want %s", patch, got, want)
		}
	}
}

func TestWarnings(t *testing.T) {
	s := with(t, `{status: {conditions: [{type: ReplicaFailure, status: "True", reason: FailedCreate, message: quota}, {type: Progressing, reason: AnalysisRunFailed}]}}`)
	if w := Warnings(s); len(w) != 2 || !strings.Contains(w[0], "quota") {
		t.Errorf("%q", w)
	}
	for patch, want := range map[string]string{
		`{status: {promoteFull: true}}`:                                  "promoted in full: Argo skips all of its steps and its analysis",
		`{metadata: {annotations: {rollout.argoproj.io/revision: "1"}}}`: "first deployment: Argo skips its steps and its analysis",
	} {
		if w := Warnings(with(t, patch)); len(w) != 1 || !strings.Contains(w[0], want) {
			t.Errorf("%s: %q", patch, w)
		}
	}
}

// FuzzDecide feeds whatever JSON as a Rollout: it never panics, and it never
// passes unless the image is the expected one and the revision is the stable one.
func FuzzDecide(f *testing.F) {
	for _, patch := range []string{`{}`, `{status: null}`, `{metadata: {generation: 8}}`, `{spec: {workloadRef: {kind: Deployment}}}`, `{spec: {template: {spec: {containers: [{image: "reg:5001/shop/backend:v1"}]}}}}`} {
		var object, over map[string]any
		_ = yaml.Unmarshal([]byte(base), &object)
		_ = yaml.Unmarshal([]byte(patch), &over)
		merge(object, over)
		b, _ := json.Marshal(object)
		f.Add(b, "reg:5001/shop/backend:v2", false)
	}
	f.Fuzz(func(t *testing.T, raw []byte, ref string, seen bool) {
		want, err := ParseImage(ref)
		if err != nil {
			want = v2
		}
		var object map[string]any
		if json.Unmarshal(raw, &object) != nil {
			return
		}
		s := Decode(object)
		d := Decide(s, Expectation{Image: want, Seen: seen})
		if d.Message == "" || d.Reason == "" {
			t.Errorf("no cause: %+v", d)
		}
		if d.Answer != Pass && d.Answer != Fail {
			return
		}
		if _, ok := want.Find(s.Template(), ""); !ok {
			t.Errorf("%s although no container runs %s", d.Answer, want)
		}
		if d.Answer == Pass && (!s.Promoted() || unobserved(s) != "" || s.Status.Abort || s.Replicas == 0) {
			t.Errorf("passed: %+v", s)
		}
	})
}

// TestPurity keeps the deciding half free of everything that reads or waits.
func TestPurity(t *testing.T) {
	for _, file := range []string{"state.go", "decode.go", "image.go", "phase.go", "verdict.go", "analysis.go", "pods.go"} {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range f.Imports {
			path := strings.Trim(i.Path.Value, `"`)
			if strings.Contains(path, "k8s.io") || path == "net/http" || path == "net" || path == "os" || path == "context" {
				t.Errorf("%s imports %s: decisions are pure", file, path)
			}
		}
	}
}
