package canarygate

import (
	"context"
	"fmt"
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
	plaintest.Until(t, func(ctx context.Context) error {
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

// goOn ends the pause that the Rollout is at or comes to.
func (s *shop) goOn(t *testing.T) {
	t.Helper()
	s.settle(t, rollout.Paused)
	patchShop(t, s, "promote")
}

// errors sets what Prometheus says of the shop.
func (s *shop) errors(t *testing.T, ratio float64) {
	s.Metrics.Set(t, fmt.Sprintf("error_ratio{namespace=%q}", s.namespace), ratio)
}

func (s *shop) gate(tag string) Options {
	return Options{
		Rollout: s.namespace + "/shop", Image: "example.com/shop:" + tag, Kubeconfig: s.Kubeconfig,
		Prometheus: s.Prometheus, Query: `error_ratio{namespace="{{namespace}}"} unless error_ratio{hash="{{pod-hash}}"}`,
		Condition: "result[0] < 0.05", Interval: 500 * time.Millisecond, Timeout: 2 * plaintest.Patience,
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

// told is closed when the gate has told so many lines with a text, as of its
// measurements: a time would be too short for them on a slow machine.
func told(o *Options, text string, lines int) <-chan struct{} {
	enough, before := make(chan struct{}), o.Progress
	o.Progress = func(line string) { // of the gate's one loop
		if before != nil {
			before(line)
		}
		if strings.Contains(line, text) {
			if lines--; lines == 0 {
				close(enough)
			}
		}
	}
	return enough
}

// await returns when that is told, and fails the test if the verdict is there first.
func await(t *testing.T, verdict <-chan Result, enough <-chan struct{}) {
	t.Helper()
	select {
	case <-enough:
	case r := <-verdict:
		t.Fatalf("too early: %s %s: %s", r.Verdict, r.Reason, r.Message)
	}
}
