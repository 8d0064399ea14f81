package rollout

import (
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

func decodeRun(t *testing.T, text string) Run {
	t.Helper()
	var object map[string]any
	if err := yaml.Unmarshal([]byte(text), &object); err != nil {
		t.Fatal(err)
	}
	return DecodeRun(object)
}

const failedRun = `
metadata:
  name: backend-new-3-2
  creationTimestamp: "2026-01-01T10:00:10Z"
  labels: {rollouts-pod-template-hash: new, rollout-type: Step, step-index: "2"}
  annotations: {rollout.argoproj.io/revision: "3"}
  ownerReferences: [{kind: Rollout, uid: u1}]
spec: {metrics: [{name: error-share, interval: 2s, count: 3}]}
status:
  phase: Failed
  message: 'Metric "error-share" assessed Failed due to failed (1) > failureLimit (0)'
  metricResults:
  - {name: latency, phase: Successful, successful: 1, measurements: [{value: "[0.1]"}]}
  - {name: error-share, phase: Failed, successful: 1, failed: 1, measurements: [{value: "[0.01]"}, {value: "[0.5]", phase: Failed}]}
`

func TestCause_QuotesTheMetric(t *testing.T) {
	for name, c := range map[string]struct {
		runs []Run
		want string
	}{
		"the failed metric with its last value": {[]Run{decodeRun(t, failedRun)}, `metric "error-share" of AnalysisRun backend-new-3-2 ended as Failed, last measurement [0.5]`},
		"no metric to blame":                    {[]Run{{Name: "r", Phase: "Error", Message: "bad provider"}}, "AnalysisRun r ended as Error: bad provider"},
		"a measurement without a value":         {[]Run{{Name: "r", Phase: "Error", Metrics: []Metric{{Name: "m", Phase: "Error", Last: "connection refused"}}}}, `metric "m" of AnalysisRun r ended as Error, last measurement connection refused`},
		"all good":                              {[]Run{{Name: "r", Phase: "Successful"}}, ""},
		"none":                                  {nil, ""},
	} {
		if _, got := Cause(c.runs); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestOfRevision_LeavesOthersOut(t *testing.T) {
	s := with(t, `{}`)
	variant := func(name, old, new string) Run {
		return decodeRun(t, strings.Replace(strings.Replace(failedRun, old, new, 1), "name: backend-new-3-2", "name: "+name, 1))
	}
	runs := OfRevision([]Run{
		variant("mine", "zzz", ""),
		variant("older", "10:00:10Z", "09:00:00Z"),
		variant("other-rollout", "uid: u1", "uid: u2"),
		variant("other-hash", "hash: new", "hash: old"),
		variant("first-try-of-the-same-hash", `revision: "3"`, `revision: "1"`),
	}, s)
	if len(runs) != 2 || runs[0].Name != "older" || runs[1].Name != "mine" {
		t.Errorf("%+v", runs)
	}
}

func TestRun_Evidence(t *testing.T) {
	for _, c := range []struct {
		name string
		run  Run
		want bool
	}{
		{"all measured", Run{Phase: "Successful", Metrics: []Metric{{Wanted: 3, Successful: 3}}}, true},
		{"some may fail", Run{Phase: "Successful", Metrics: []Metric{{Wanted: 3, Successful: 2, Failed: 1}}}, true},
		{"endless, stopped after some", Run{Phase: "Successful", Metrics: []Metric{{Successful: 1}}}, true},
		{"stopped before the first", Run{Phase: "Successful", Message: "Run Terminated"}, false},
		{"stopped before the last", Run{Phase: "Successful", Metrics: []Metric{{Wanted: 3, Successful: 1}}}, false},
		{"only errors, then stopped", Run{Phase: "Successful", Metrics: []Metric{{Errors: 4}}}, false},
		{"only a dry run", Run{Phase: "Successful", Metrics: []Metric{{DryRun: true, Wanted: 1, Successful: 1}}}, false},
		{"enough good ones in a row", Run{Phase: "Successful", Metrics: []Metric{{Wanted: 10, InRow: 3, Successful: 4, GoodInRow: 3}}}, true},
		{"too few in a row, then stopped", Run{Phase: "Successful", Metrics: []Metric{{Wanted: 10, InRow: 3, Successful: 4, GoodInRow: 2}}}, false},
		{"still running", Run{Phase: "Running", Metrics: []Metric{{Wanted: 1, Successful: 1}}}, false},
	} {
		if got := c.run.Evidence(); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	if r := decodeRun(t, `{spec: {metrics: [{name: a}, {name: b, interval: 1s}, {name: c, count: "4"}]}, status: {metricResults: [{name: a}, {name: b}, {name: c}]}}`); r.Metrics[0].Wanted != 1 || r.Metrics[1].Wanted != 0 || r.Metrics[2].Wanted != 4 {
		t.Errorf("effective counts: %+v", r.Metrics)
	}
	r := decodeRun(t, `{spec: {args: [{name: count, value: "5"}], metrics: [{name: a, interval: 1s, count: "{{ args.count }}", consecutiveSuccessLimit: 2}]}, status: {metricResults: [{name: a, consecutiveSuccess: 1}]}}`)
	if m := r.Metrics[0]; m.Wanted != 5 || m.InRow != 2 || m.GoodInRow != 1 {
		t.Errorf("limits by argument: %+v", m)
	}
}

func TestFindTrouble(t *testing.T) {
	for text, want := range map[string]string{
		`{status: {containerStatuses: [{name: b, state: {waiting: {reason: ImagePullBackOff, message: Back-off pulling image}}}]}}`: "image_pull",
		`{status: {containerStatuses: [{name: a, state: {running: {}}}, {name: b, state: {waiting: {reason: CrashLoopBackOff}}}]}}`: "crash_loop",
		`{status: {initContainerStatuses: [{name: i, state: {waiting: {reason: CreateContainerConfigError}}}]}}`:                    "container_config",
		`{status: {containerStatuses: [{name: b, state: {waiting: {reason: ContainerCreating}}}]}}`:                                 "",
		`{status: {}}`: "",
		`{}`:           "",
	} {
		var pod map[string]any
		if err := yaml.Unmarshal([]byte(text), &pod); err != nil {
			t.Fatal(err)
		}
		if got, _ := FindTrouble(pod); got.Reason != want {
			t.Errorf("%s: %+v, want %q", text, got, want)
		}
	}
}

func TestState_StepAndWeight(t *testing.T) {
	for patch, want := range map[string][3]int{
		`{}`: {4, 4, 100},
		`{status: {stableRS: old, currentStepIndex: 0}}`:                                            {1, 4, 25},
		`{status: {stableRS: old, currentStepIndex: 2}}`:                                            {3, 4, 50},
		`{status: {stableRS: old, currentStepIndex: 2, canary: {weights: {canary: {weight: 37}}}}}`: {3, 4, 37},
		`{status: {stableRS: old, currentStepIndex: null}}`:                                         {0, 4, -1},
		`{spec: {strategy: {canary: {steps: null}}}, status: {stableRS: old}}`:                      {0, 0, -1},
	} {
		s := with(t, patch)
		step, steps := s.Step()
		if got := [3]int{step, steps, int(s.Weight())}; got != want {
			t.Errorf("%s: %v, want %v", patch, got, want)
		}
	}
}
