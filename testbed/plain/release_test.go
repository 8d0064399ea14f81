package plain_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/buenhyden/hy-home/testbed/plain/plaintest"
)

func TestMain(m *testing.M) { plaintest.Main(m) }

const release = `
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: error-ratio}
spec:
  args: [{name: hash}]
  metrics:
  - name: error-ratio
    interval: 1s
    count: 2
    failureLimit: 0
    successCondition: len(result) > 0 && result[0] < 0.05
    provider:
      prometheus:
        address: PROMETHEUS
        query: error_ratio{namespace="NAMESPACE"} unless error_ratio{hash="{{args.hash}}"}
---
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: shop}
spec:
  replicas: 4
  selector: {matchLabels: {app: shop}}
  strategy:
    canary:
      steps:
      - setWeight: 25
      - analysis:
          templates: [{templateName: error-ratio}]
          args:
          - name: hash
            valueFrom: {podTemplateHashValue: Latest}
      - setWeight: 50
      - pause: {duration: 1s}
  template:
    metadata: {labels: {app: shop}}
    spec:
      containers:
      - {name: shop, image: "example.com/shop:TAG"}
`

// A release of a good version and one of a bad version, judged by what the real
// controller measures in the real Prometheus.
func TestRollout_JudgedByMetric(t *testing.T) {
	bed := plaintest.Start(t)
	ns := bed.Namespace(t)
	client := bed.DynamicClient(t)
	argo := func(resource string) dynamic.ResourceInterface {
		return client.Resource(schema.GroupVersionResource{Group: "argoproj.io", Version: "v1alpha1", Resource: resource}).Namespace(ns)
	}
	deploy := func(tag, phase string) {
		t.Helper()
		start := time.Now()
		yaml := strings.NewReplacer("PROMETHEUS", bed.Prometheus, "NAMESPACE", ns, "TAG", tag).Replace(release)
		bed.Apply(t, ns, yaml)
		plaintest.Until(t, func(ctx context.Context) error {
			rollout, err := argo("rollouts").Get(ctx, "shop", metav1.GetOptions{})
			if err != nil {
				return err
			}
			got, message := field(rollout, "phase"), field(rollout, "message")
			if field(rollout, "observedGeneration") != fmt.Sprint(rollout.GetGeneration()) || got != phase {
				return fmt.Errorf("%s: the rollout is %q (%s), want %s", tag, got, message, phase)
			}
			return nil
		})
		t.Logf("%s: %s after %.1f s", tag, phase, time.Since(start).Seconds())
	}
	runs := func() map[string]int {
		list, err := argo("analysisruns").List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		phases := map[string]int{}
		for _, run := range list.Items {
			phases[field(&run, "phase")]++
		}
		return phases
	}

	start := time.Now()
	series := fmt.Sprintf("error_ratio{namespace=%q}", ns)
	bed.Metrics.Set(t, series, 0.01)
	t.Logf("first sample in Prometheus after %.1f s", time.Since(start).Seconds())

	deploy("v1", "Healthy") // the first version is not judged
	deploy("v2", "Healthy")
	if got := runs(); got["Successful"] != 1 || len(got) != 1 {
		t.Errorf("analysis runs after v2: %v, want one Successful", got)
	}
	bed.Metrics.Set(t, series, 0.2)
	deploy("v3", "Degraded")
	if got := runs(); got["Failed"] != 1 || got["Successful"] != 1 {
		t.Errorf("analysis runs after v3: %v, want one Successful and one Failed", got)
	}
	rollout, err := argo("rollouts").Get(t.Context(), "shop", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if field(rollout, "abort") != "true" {
		t.Errorf("the rollout of v3 is not aborted: %s", field(rollout, "message"))
	}
}

// A pod can be told to get stuck, and says why as a real one would.
func TestPod_Stuck(t *testing.T) {
	bed := plaintest.Start(t)
	ns := bed.Namespace(t)
	client := bed.DynamicClient(t)
	pods := client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "pods"}).Namespace(ns)
	// The namespace's service account may not be there yet.
	plaintest.Until(t, func(ctx context.Context) error {
		_, err := pods.Create(ctx, &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "v1", "kind": "Pod",
			"metadata": map[string]any{"name": "stuck", "annotations": map[string]any{"testbed/waiting": "ImagePullBackOff"}},
			"spec":     map[string]any{"containers": []any{map[string]any{"name": "main", "image": "example.com/shop:none"}}},
		}}, metav1.CreateOptions{})
		return err
	})
	plaintest.Until(t, func(ctx context.Context) error {
		pod, err := pods.Get(ctx, "stuck", metav1.GetOptions{})
		if err != nil {
			return err
		}
		statuses, _, _ := unstructured.NestedSlice(pod.Object, "status", "containerStatuses")
		if len(statuses) != 1 {
			return fmt.Errorf("container statuses: %v", statuses)
		}
		reason, _, _ := unstructured.NestedString(statuses[0].(map[string]any), "state", "waiting", "reason")
		if reason != "ImagePullBackOff" || field(pod, "phase") != "Pending" {
			return fmt.Errorf("waits for %q in phase %q", reason, field(pod, "phase"))
		}
		return nil
	})
}

// field reads a scalar of an object's status.
func field(obj *unstructured.Unstructured, name string) string {
	value, ok, _ := unstructured.NestedFieldNoCopy(obj.Object, "status", name)
	if !ok {
		return ""
	}
	return fmt.Sprint(value)
}
