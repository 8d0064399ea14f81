package canarygate

import (
	"context"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	infratemplate "github.com/buenhyden/hy-home/infra-template"
	"github.com/buenhyden/hy-home/internal/gatefile"
	"github.com/buenhyden/hy-home/internal/rollout"
	"github.com/buenhyden/hy-home/testbed/plain/plaintest"
)

const forever = `[{setWeight: 25}, {pause: {}}]`

// as is a kubeconfig that acts for somebody else.
func (s *shop) as(t *testing.T, user string) string {
	t.Helper()
	admin, err := os.ReadFile(s.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(path, []byte(strings.Replace(string(admin), "user:\n", "user:\n    as: "+user+"\n", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// shipped applies a Role that users start from. That in infra/apps brings the
// service account canary-gate as well.
func (s *shop) shipped(t *testing.T, path string, change ...string) {
	t.Helper()
	role, err := fs.ReadFile(infratemplate.FS(), path)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer(change...).Replace(string(role))
	s.Apply(t, s.namespace, text)
	// The API server looks at Roles through a cache, and says no until that has seen it.
	for _, rule := range grants.FindAllStringSubmatch(text, -1) {
		resource, part, _ := strings.Cut(rule[2], "/")
		review := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
			"spec": map[string]any{
				"user":               s.serviceAccount(),
				"resourceAttributes": map[string]any{"namespace": s.namespace, "group": rule[1], "resource": resource, "subresource": part, "verb": rule[3]},
			},
		}}
		plaintest.Until(t, func(ctx context.Context) error {
			answer, err := s.client.Resource(schema.GroupVersionResource{Group: "authorization.k8s.io", Version: "v1", Resource: "subjectaccessreviews"}).Create(ctx, review, metav1.CreateOptions{})
			if err != nil {
				return err
			}
			if allowed, _, _ := unstructured.NestedBool(answer.Object, "status", "allowed"); !allowed {
				return fmt.Errorf("%s may not %s %s yet", s.serviceAccount(), rule[3], rule[2])
			}
			return nil
		})
	}
}

// grants matches the rules of a shipped Role: the group, the first resource and the first verb.
var grants = regexp.MustCompile(`(?m)^  - \{apiGroups: \["?([^"\],]*)"?\], resources: \[([^\],]+).*verbs: \[(\w+)`)

// serviceAccount is the user that the shipped Roles are for.
func (s *shop) serviceAccount() string {
	return "system:serviceaccount:" + s.namespace + ":canary-gate"
}

// TestBed_SmallestRole runs with no more than the Role that users start from.
func TestBed_SmallestRole(t *testing.T) {
	s := openShop(t)
	s.errors(t, 0)
	s.shipped(t, "infra/apps/canary-gate.yaml")
	account := s.as(t, s.serviceAccount())
	s.release(t, plainRollout, withoutSteps, "v1", "")
	s.settle(t, rollout.Healthy)
	for tag, stuck := range map[string]string{"v2": "", "v3": "CrashLoopBackOff"} {
		o := s.gate(tag)
		o.Kubeconfig, o.Measurements = account, 1
		verdict := start(t, o)
		s.release(t, plainRollout, withoutSteps, tag, stuck)
		r := <-verdict
		t.Logf("%s: %s %s after %.1f s: %s %q", tag, r.Verdict, r.Reason, r.End.Sub(r.Start).Seconds(), r.Message, r.Warnings)
		if want := map[string]Verdict{"v2": Passed, "v3": Failed}[tag]; r.Verdict != want || (stuck != "" && r.Reason != "crash_loop") {
			t.Errorf("%s: %s %s: %s", tag, r.Verdict, r.Reason, r.Message)
		}
		for _, w := range r.Warnings {
			if strings.Contains(w, "could not be read") {
				t.Errorf("%s: %s", tag, w)
			}
		}
	}
	o := s.gate("v3")
	o.Kubeconfig, o.Prometheus = account, "service:default/kubernetes:443"
	if r := <-start(t, o); r.Reason != ReasonNoPrometheus || !strings.Contains(r.Message, "grant get on services in namespace default") {
		t.Errorf("no permission to forward: %s %s: %s", r.Verdict, r.Reason, r.Message)
	}
}

// TestBed_OddStates has an answer of its own for each state that is no plain
// success or failure.
func TestBed_OddStates(t *testing.T) {
	for _, c := range []struct {
		name    string
		during  func(t *testing.T, s *shop) // when the canary is at its pause
		change  func(*shop, *Options)
		steps   string
		verdict Verdict
		reason  string
		message string
	}{
		{"a pause for a human", nil, nil, forever, Inconclusive, rollout.ReasonPaused, "paused at step 2 of 2 until somebody promotes or aborts it"},
		{"that pause was waited for", nil, func(_ *shop, o *Options) { o.Until, o.Measurements = "paused", 2 }, forever, Passed, rollout.ReasonPaused, "2 of 2 measurements are good"},
		{"paused by hand", func(t *testing.T, s *shop) { patchShop(t, s, "pause") }, nil, longPause, Inconclusive, rollout.ReasonManualPause, "set spec.paused to false"},
		{"aborted by hand", func(t *testing.T, s *shop) { patchShop(t, s, "abort") }, nil, longPause, Failed, rollout.ReasonAborted, "was aborted"},
		{"superseded", func(t *testing.T, s *shop) { s.release(t, plainRollout, longPause, "v3", "") }, nil, longPause, Inconclusive, rollout.ReasonSuperseded, "changed from example.com/shop:v2 to example.com/shop:v3"},
		{"an invalid spec", nil, nil, `[{setWeight: 25, pause: {}}]`, Failed, rollout.ReasonInvalidSpec, "invalid spec"},
		{"NaN", nil, func(s *shop, o *Options) { o.FailureCondition, o.Condition = "result[0] > 0.05", "" }, withoutSteps, Inconclusive, ReasonNoData, "NaN"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := openShop(t)
			s.errors(t, 0)
			s.release(t, plainRollout, withoutSteps, "v1", "")
			s.settle(t, rollout.Healthy)
			o := s.gate("v2")
			if c.name == "NaN" {
				o.Query = `error_ratio{namespace="{{namespace}}"} / error_ratio{namespace="{{namespace}}"}` // 0 / 0
			}
			if c.change != nil {
				c.change(s, &o)
			}
			verdict := start(t, o)
			s.release(t, plainRollout, c.steps, "v2", "")
			if c.during != nil {
				s.settle(t, rollout.Paused)
				c.during(t, s)
			}
			r := <-verdict
			if r.Verdict != c.verdict || r.Reason != c.reason || !strings.Contains(r.Message, c.message) {
				t.Errorf("%s %s: %s (%+v)", r.Verdict, r.Reason, r.Message, r.Changes)
			}
			t.Logf("%s %s after %.1f s, %d requests: %s", r.Verdict, r.Reason, r.End.Sub(r.Start).Seconds(), r.APICalls, r.Message)
		})
	}
}

func patchShop(t *testing.T, s *shop, verb string) {
	t.Helper()
	cluster, err := rollout.Connect(s.Kubeconfig, "", func(string, ...any) {})
	if err != nil {
		t.Fatal(err)
	}
	state, err := s.state(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	act := map[string]func(context.Context, rollout.State) error{"pause": cluster.Pause, "abort": cluster.Abort, "promote": cluster.Promote}[verb]
	if err := act(t.Context(), state); err != nil {
		t.Fatal(err)
	}
}

// TestBed_PromotesAtThePause lets the gate decide before the release does.
func TestBed_PromotesAtThePause(t *testing.T) {
	s := openShop(t)
	s.errors(t, 0)
	s.release(t, plainRollout, forever, "v1", "")
	s.settle(t, rollout.Healthy)
	o := s.gate("v2")
	o.Until, o.OnPass, o.Measurements = "paused", "promote", 2
	verdict := start(t, o)
	s.release(t, plainRollout, forever, "v2", "")
	if r := <-verdict; r.Verdict != Passed || r.Acted != "promoted" {
		t.Fatalf("%s %s: %s, %q %q", r.Verdict, r.Reason, r.Message, r.Acted, r.Warnings)
	}
	s.settle(t, rollout.Healthy)
}

// TestBed_Compares has a canary that is slower than the revision before it.
func TestBed_Compares(t *testing.T) {
	s := openShop(t)
	s.errors(t, 0)
	s.release(t, plainRollout, forever, "v1", "")
	s.settle(t, rollout.Healthy)
	f, err := gatefile.Parse([]byte("checks: [{name: latency, query: 'latency{hash=\"{{hash}}\",namespace=\"{{namespace}}\"}', min-samples: 5, compare: {direction: increase, step: 1s, warm-up: 1s}}, {name: errors, query: 'error_ratio{namespace=\"{{namespace}}\"}', condition: 'result[0] < 0.05', interval: 1s, min-samples: 12}]"))
	if err != nil {
		t.Fatal(err)
	}
	before, err := s.state(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	o := s.gate("v2")
	o.Query, o.Condition, o.Gate, o.Until = "", "", f, "step:1"
	s.Metrics.Set(t, `latency{hash="`+before.Status.PodHash+`",namespace="`+s.namespace+`"}`, 0.1)
	s.release(t, plainRollout, `[{setWeight: 25}, {pause: {duration: 10m}}, {setWeight: 50}]`, "v2", "")
	s.settle(t, rollout.Paused)
	now, err := s.state(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.Metrics.Set(t, `latency{hash="`+now.Status.PodHash+`",namespace="`+s.namespace+`"}`, 0.3)
	o.Until = "healthy"
	enough := told(&o, "errors: ", 12)
	verdict := start(t, o)
	await(t, verdict, enough)
	s.goOn(t)
	r := <-verdict
	if r.Verdict != Failed || r.Reason != ReasonCheck || !strings.Contains(r.Message, "latency: higher than the baseline: 0.3 against 0.1") {
		t.Errorf("%s %s: %s %+v", r.Verdict, r.Reason, r.Message, r.Checks)
	}
	if c := r.Checks[0].Comparison; c == nil || math.IsNaN(c.P) || c.N < 5 {
		t.Errorf("%+v", c)
	}
	t.Log(r.Message)
}
