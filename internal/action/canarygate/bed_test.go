package canarygate

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/buenhyden/hy-home/internal/rollout"
	"github.com/buenhyden/hy-home/testbed/plain/plaintest"
)

func TestMain(m *testing.M) { plaintest.Main(m) }

// analysed is a Rollout that Argo itself judges by the bed's Prometheus.
const analysed = `
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: error-ratio}
spec:
  metrics:
  - name: error-ratio
    interval: 1s
    count: 2
    successCondition: len(result) > 0 && result[0] < 0.05
    provider: {prometheus: {address: PROMETHEUS, query: 'error_ratio{namespace="NAMESPACE"}'}}
---
` + plainRollout

// plainRollout has the steps STEPS.
const plainRollout = `
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: shop}
spec:
  replicas: 4
  selector: {matchLabels: {app: shop}}
  strategy: {canary: {steps: STEPS}}
  template:
    metadata: {labels: {app: shop}, annotations: {testbed/waiting: "WAITING"}}
    spec: {containers: [{name: shop, image: "example.com/shop:TAG"}]}
`

const (
	withAnalysis = `[{setWeight: 25}, {analysis: {templates: [{templateName: error-ratio}]}}, {setWeight: 50}, {pause: {duration: 1s}}]`
	withoutSteps = `[]`
	longPause    = `[{setWeight: 25}, {pause: {duration: 10m}}]`
)

// shop is one namespace of the bed with releases of one Rollout in it.
type shop struct {
	*plaintest.Bed
	namespace string
	client    dynamic.Interface
}

func openShop(t *testing.T) *shop {
	bed := plaintest.Start(t)
	client, err := dynamic.NewForConfig(bed.Config)
	if err != nil {
		t.Fatal(err)
	}
	return &shop{Bed: bed, namespace: bed.Namespace(t), client: client}
}

// release applies a version; stuck is what its containers wait for, or empty.
func (s *shop) release(t *testing.T, manifest, steps, tag, stuck string) {
	t.Helper()
	text := strings.NewReplacer("PROMETHEUS", s.Prometheus, "NAMESPACE", s.namespace, "STEPS", steps, "TAG", tag).Replace(manifest)
	if stuck == "" {
		text = strings.ReplaceAll(text, `, annotations: {testbed/waiting: "WAITING"}`, "")
	}
	s.Apply(t, s.namespace, strings.ReplaceAll(text, "WAITING", stuck))
}

func (s *shop) state(ctx context.Context) (rollout.State, error) {
	gvr := schema.GroupVersionResource{Group: "argoproj.io", Version: "v1alpha1", Resource: "rollouts"}
	o, err := s.client.Resource(gvr).Namespace(s.namespace).Get(ctx, "shop", metav1.GetOptions{})
	if err != nil {
		return rollout.State{}, err
	}
	return rollout.Decode(o.Object), nil
}

// settle waits until the Rollout is in the phase with the image applied last.
func (s *shop) settle(t *testing.T, phase string) {
	t.Helper()
	plaintest.Until(t, time.Minute, func(ctx context.Context) error {
		state, err := s.state(ctx)
		if err != nil {
			return err
		}
		if got, message := rollout.Phase(state); got != phase {
			return fmt.Errorf("%s (%s), want %s", got, message, phase)
		}
		return nil
	})
}

// errors sets what Prometheus says of the shop.
func (s *shop) errors(t *testing.T, ratio float64) {
	s.Metrics.Set(t, fmt.Sprintf("error_ratio{namespace=%q}", s.namespace), ratio)
}

func (s *shop) gate(tag string) Options {
	return Options{
		Rollout: s.namespace + "/shop", Image: "example.com/shop:" + tag, Kubeconfig: s.Kubeconfig,
		Prometheus: s.Prometheus, Query: `error_ratio{namespace="{{namespace}}"} unless error_ratio{hash="{{pod-hash}}"}`,
		Condition: "result[0] < 0.05", Interval: 500 * time.Millisecond, Timeout: 2 * time.Minute,
	}
}

// start runs a gate beside the test.
func start(t *testing.T, o Options) <-chan Result {
	out := make(chan Result, 1)
	go func() {
		defer close(out)
		r, err := Run(t.Context(), o)
		if err != nil {
			t.Errorf("gate: %v", err)
		}
		out <- r
	}()
	return out
}

func TestBed_GoodRelease(t *testing.T) {
	s := openShop(t)
	s.errors(t, 0.01)
	s.release(t, analysed, withAnalysis, "v1", "")
	s.settle(t, rollout.Healthy)

	verdict := start(t, s.gate("v2"))
	s.release(t, analysed, withAnalysis, "v2", "")
	r := <-verdict
	if r.Verdict != Passed || r.Image != "example.com/shop:v2" || r.PodHash == "" || r.Weight != 100 {
		t.Fatalf("%s %s: %s (%+v)", r.Verdict, r.Reason, r.Message, r.Changes)
	}
	if len(r.Runs) != 1 || !r.Runs[0].Evidence() || len(r.Measurements) < 3 {
		t.Errorf("runs %+v, %d measurements", r.Runs, len(r.Measurements))
	}
	t.Logf("passed after %.1f s, %d ms after the end state was seen; %d requests to the API server, %d measurements", r.End.Sub(r.Start).Seconds(), r.End.Sub(r.Settled).Milliseconds(), r.APICalls, len(r.Measurements))
	if r.End.Sub(r.Settled) > time.Second {
		t.Errorf("the answer took %s", r.End.Sub(r.Settled))
	}
	if r.APICalls > 10 {
		t.Errorf("%d requests", r.APICalls)
	}
}

// TestBed_BadRelease lets Argo find the fault: the gate says no and quotes it.
// The release after it must not suffer from the state it leaves behind.
func TestBed_BadRelease(t *testing.T) {
	s := openShop(t)
	s.errors(t, 0.2)
	s.release(t, analysed, withAnalysis, "v1", "") // the first version is not analysed
	s.settle(t, rollout.Healthy)

	o := s.gate("v2")
	o.Prometheus, o.Query, o.Condition = "", "", ""
	verdict := start(t, o)
	s.release(t, analysed, withAnalysis, "v2", "")
	r := <-verdict
	if r.Verdict != Failed || r.Reason != "aborted" || !strings.Contains(r.Message, `metric "error-ratio"`) || !strings.Contains(r.Message, "last measurement [0.2]") {
		t.Fatalf("%s %s: %s", r.Verdict, r.Reason, r.Message)
	}
	t.Logf("%s, %d ms after it was seen", r.Message, r.End.Sub(r.Settled).Milliseconds())

	s.errors(t, 0.01)
	verdict = start(t, s.gate("v3"))
	s.release(t, analysed, withAnalysis, "v3", "")
	if r := <-verdict; r.Verdict != Passed {
		t.Errorf("after a failed release: %s %s: %s (%+v)", r.Verdict, r.Reason, r.Message, r.Changes)
	}
}

// TestBed_Race releases again and again with the gate started just before or
// just after: it may pass only when the new revision is the stable one. At each
// start the Rollout is Healthy, so a look at the phase alone would pass at once.
func TestBed_Race(t *testing.T) {
	s := openShop(t)
	s.errors(t, 0)
	s.release(t, plainRollout, withoutSteps, "r0", "")
	s.settle(t, rollout.Healthy)
	releases := 20
	if os.Getenv("HY_RACE") != "" { // up to a minute; what is rarer than one in twenty is looked for before a release
		releases = 100
	}
	previous, naive := "", 0
	for i := 1; i <= releases; i++ {
		tag := fmt.Sprintf("r%d", i)
		o := s.gate(tag)
		o.Measurements, o.Interval = 1, 100*time.Millisecond
		var verdict <-chan Result
		if i%2 == 0 {
			s.release(t, plainRollout, withoutSteps, tag, "")
			verdict = start(t, o)
		} else {
			verdict = start(t, o)
			s.release(t, plainRollout, withoutSteps, tag, "")
		}
		if now, err := s.state(t.Context()); err == nil && now.Status.Phase == rollout.Healthy && now.Status.PodHash == previous {
			naive++ // what looks at status.phase alone passes here
		}
		r := <-verdict
		state, err := s.state(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if r.Verdict != Passed {
			t.Fatalf("%s: %s %s: %s", tag, r.Verdict, r.Reason, r.Message)
		}
		if r.PodHash == previous || !state.Promoted() || state.Status.PodHash != r.PodHash || state.Containers[0].Image != o.Image {
			t.Errorf("%s: passed with revision %s (before it %s), the Rollout has %+v", tag, r.PodHash, previous, state.Status)
		}
		previous = r.PodHash
	}
	t.Logf("%d releases; in %d of them status.phase was still Healthy of the revision before when the release was applied", releases, naive)
}

// TestBed_AfterAbort releases a good version over an aborted one: the gate must
// not take the failure that is still written there for the new revision's.
func TestBed_AfterAbort(t *testing.T) {
	s := openShop(t)
	s.errors(t, 0)
	s.release(t, plainRollout, withoutSteps, "g0", "")
	s.settle(t, rollout.Healthy)
	const rounds = 3
	cluster, err := rollout.Connect(s.Kubeconfig, "", func(string, ...any) {})
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i <= rounds; i++ {
		s.release(t, plainRollout, longPause, fmt.Sprintf("b%d", i), "")
		s.settle(t, rollout.Paused)
		bad, err := s.state(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := cluster.Abort(t.Context(), bad); err != nil {
			t.Fatal(err)
		}
		s.settle(t, rollout.Degraded)
		tag := fmt.Sprintf("g%d", i)
		o := s.gate(tag)
		o.Measurements, o.Interval = 1, 100*time.Millisecond
		verdict := start(t, o)
		s.release(t, plainRollout, withoutSteps, tag, "")
		r := <-verdict
		t.Logf("%s after %.1f s", tag, r.End.Sub(r.Start).Seconds())
		if r.Verdict != Passed {
			t.Errorf("%s: %s %s: %s (%+v)", tag, r.Verdict, r.Reason, r.Message, r.Changes)
		}
	}
}

// TestBed_NeverApplied has a healthy Rollout and good metrics, but another image.
func TestBed_NeverApplied(t *testing.T) {
	s := openShop(t)
	s.errors(t, 0)
	s.release(t, plainRollout, withoutSteps, "v1", "")
	s.settle(t, rollout.Healthy)
	o := s.gate("v2")
	o.Timeout = 2 * time.Second
	if r := <-start(t, o); r.Verdict != Inconclusive || r.Reason != ReasonTimeout || !strings.Contains(r.Message, "its template has example.com/shop:v1") {
		t.Errorf("%s %s: %s", r.Verdict, r.Reason, r.Message)
	}
}

func TestBed_ImageCannotBePulled(t *testing.T) {
	s := openShop(t)
	s.errors(t, 0)
	s.release(t, plainRollout, withoutSteps, "v1", "")
	s.settle(t, rollout.Healthy)
	verdict := start(t, s.gate("v2"))
	s.release(t, plainRollout, withoutSteps, "v2", "ImagePullBackOff")
	r := <-verdict
	if r.Verdict != Failed || r.Reason != "image_pull" || !strings.Contains(r.Message, "container shop is in ImagePullBackOff") {
		t.Errorf("%s %s: %s", r.Verdict, r.Reason, r.Message)
	}
	if took := r.End.Sub(r.Start); took > 15*time.Second {
		t.Errorf("it took %s", took)
	}
	t.Logf("%s, after %.1f s, %d requests", r.Message, r.End.Sub(r.Start).Seconds(), r.APICalls)
}

// TestBed_Aborts measures something bad while Argo only waits, and stops it.
func TestBed_Aborts(t *testing.T) {
	s := openShop(t)
	s.errors(t, 0.3)
	s.release(t, plainRollout, longPause, "v1", "")
	s.settle(t, rollout.Healthy)
	o := s.gate("v2")
	o.OnFail = "abort"
	verdict := start(t, o)
	s.release(t, plainRollout, longPause, "v2", "")
	r := <-verdict
	if r.Verdict != Failed || r.Reason != ReasonCondition || r.Acted != "aborted" || !strings.Contains(r.Message, "[0.3]") {
		t.Fatalf("%s %s: %s, acted %q, %q", r.Verdict, r.Reason, r.Message, r.Acted, r.Warnings)
	}
	s.settle(t, rollout.Degraded)
}

func TestBed_CannotTell(t *testing.T) {
	s := openShop(t)
	s.release(t, plainRollout, withoutSteps, "v1", "")
	s.settle(t, rollout.Healthy)
	admin, err := os.ReadFile(s.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	nobody := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(nobody, []byte(strings.Replace(string(admin), "user:\n", "user:\n    as: nobody\n", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		change  func(*Options)
		reason  string
		message string
		within  time.Duration
	}{
		{"a closed port", func(o *Options) { o.Prometheus = "http://127.0.0.1:1" }, ReasonNoPrometheus, "Prometheus at http://127.0.0.1:1 does not answer: dial tcp", 6 * time.Second},
		{"a Service that does not exist", func(o *Options) { o.Prometheus = "service:default/prometheus:9090" }, ReasonNoPrometheus, `services "prometheus" not found`, 6 * time.Second},
		{"no permission", func(o *Options) { o.Kubeconfig = nobody }, "forbidden", "grant get, list and watch", time.Second},
		{"a Rollout that does not exist", func(o *Options) { o.Rollout, o.AppearTimeout = s.namespace+"/nothing", time.Second }, ReasonNotFound, "does not exist 1s after the gate began", 2 * time.Second},
		{"a namespace that does not exist", func(o *Options) { o.Rollout, o.AppearTimeout = "nowhere/shop", time.Second }, ReasonNotFound, "", 2 * time.Second},
		{"no data", func(o *Options) { o.Query, o.Condition = `nothing{hash="{{pod-hash}}"}`, "all(result, # < 1)" }, ReasonNoData, "the query gave no data", 10 * time.Second},
		{"no API server", func(o *Options) {
			o.Kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
			text := "apiVersion: v1\nkind: Config\nclusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}]\ncontexts: [{name: c, context: {cluster: c}}]\ncurrent-context: c\n"
			if err := os.WriteFile(o.Kubeconfig, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "cluster_unreachable", "https://127.0.0.1:1 does not answer", 6 * time.Second},
	} {
		o := s.gate("v1")
		c.change(&o)
		r := <-start(t, o)
		took := r.End.Sub(r.Start)
		if r.Verdict != Inconclusive || r.Reason != c.reason || !strings.Contains(r.Message, c.message) || strings.Contains(r.Message, "\n") {
			t.Errorf("%s: %s %s: %s", c.name, r.Verdict, r.Reason, r.Message)
		}
		if took > c.within {
			t.Errorf("%s: it took %s", c.name, took)
		}
		t.Logf("%s, after %d ms: %s", c.name, took.Milliseconds(), r.Message)
	}
}
