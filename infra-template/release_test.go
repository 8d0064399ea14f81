package infratemplate_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	infratemplate "github.com/buenhyden/hy-home/infra-template"
	"github.com/buenhyden/hy-home/internal/apply"
	"github.com/buenhyden/hy-home/internal/kustomize"
	"github.com/buenhyden/hy-home/internal/rollout"
	"github.com/buenhyden/hy-home/testbed/plain/plaintest"
)

func TestMain(m *testing.M) { plaintest.Main(m) }

var (
	rollouts     = schema.GroupVersionResource{Group: "argoproj.io", Version: "v1alpha1", Resource: "rollouts"}
	analysisRuns = schema.GroupVersionResource{Group: "argoproj.io", Version: "v1alpha1", Resource: "analysisruns"}
)

// A release of the template's service as the real Argo Rollouts controller and a real
// Prometheus judge it, in a namespace that enforces the level "restricted". Only the
// waiting times are shorter.
func TestRelease(t *testing.T) {
	for name, tc := range map[string]struct {
		code     string // of the canary's answers; "" means that it gets no requests
		analysis string
		rollout  string
	}{
		"good":    {"200", "Successful", "Healthy"},
		"errors":  {"500", "Failed", "Degraded"},
		"no data": {"", "Inconclusive", "Paused"},
	} {
		t.Run(name, func(t *testing.T) {
			bed := plaintest.Start(t)
			t.Parallel()
			client := bed.DynamicClient(t)
			ns := bed.Namespace(t)
			bed.Apply(t, "", fmt.Sprintf("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: %s\n  labels: {pod-security.kubernetes.io/enforce: restricted}\n", ns))
			deploy(t, bed, ns, "v1", "1s")
			status(t, client, ns, "Healthy", func() {})

			serve := func() {}
			if tc.code == "" {
				deploy(t, bed, ns, "v2-", "1s")
			} else { // the analysis begins when Prometheus has two samples, however long that takes
				deploy(t, bed, ns, "v2-"+tc.code, "10m")
				canary := paused(t, client, ns)
				served := 0.0
				serve = func() {
					served += 50
					bed.Metrics.Set(t, fmt.Sprintf(`http_requests_total{code=%q,revision=%q}`, tc.code, canary.Status.PodHash), served)
				}
				serve()
				serve()
				promote(t, bed, canary)
			}
			phase := status(t, client, ns, tc.rollout, serve)
			if phase != tc.analysis {
				t.Errorf("the analysis ended as %q, want %q", phase, tc.analysis)
			}
		})
	}
}

// paused waits until the rollout pauses before its analysis.
func paused(t *testing.T, client dynamic.Interface, ns string) (state rollout.State) {
	t.Helper()
	plaintest.Until(t, func(ctx context.Context) error {
		ro, err := client.Resource(rollouts).Namespace(ns).Get(ctx, "backend", metav1.GetOptions{})
		if err != nil {
			return err
		}
		state = rollout.Decode(ro.Object)
		if phase, message := rollout.Phase(state); phase != rollout.Paused {
			return fmt.Errorf("rollout is %s (%s), want a pause", phase, message)
		}
		return nil
	})
	return state
}

// promote lets it go on.
func promote(t *testing.T, bed *plaintest.Bed, state rollout.State) {
	t.Helper()
	cluster, err := rollout.Connect(bed.Kubeconfig, "", func(string, ...any) {})
	if err != nil {
		t.Fatal(err)
	}
	if err := cluster.Promote(t.Context(), state); err != nil {
		t.Fatal(err)
	}
}

// deploy applies the template's overlay with another tag, to a namespace. A canary
// pauses for so long before its analysis.
func deploy(t *testing.T, bed *plaintest.Bed, ns, tag, pause string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "infra")
	if _, err := infratemplate.Write(dir); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	img, err := kustomize.ParseImage("localhost:5001/shop/backend:" + tag)
	if err != nil {
		t.Fatal(err)
	}
	const overlay = "apps/backend/overlays/dev"
	change, err := kustomize.Set{Dirs: []string{overlay}, Images: []kustomize.Image{img}}.Plan(root.FS())
	for _, f := range change.Files {
		err = root.WriteFile(f.Path, f.After, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	objects, err := kustomize.Render(root, overlay)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range objects {
		o.SetNamespace(ns)
		switch o.GetKind() {
		case "AnalysisTemplate":
			args, _, _ := unstructured.NestedSlice(o.Object, "spec", "args")
			args[1].(map[string]any)["value"] = bed.Prometheus
			metrics, _, _ := unstructured.NestedSlice(o.Object, "spec", "metrics")
			metrics[0].(map[string]any)["initialDelay"] = "4s"
			metrics[0].(map[string]any)["interval"] = "1s"
			err = errors.Join(unstructured.SetNestedSlice(o.Object, args, "spec", "args"), unstructured.SetNestedSlice(o.Object, metrics, "spec", "metrics"))
		case "Rollout":
			steps, _, _ := unstructured.NestedSlice(o.Object, "spec", "strategy", "canary", "steps")
			for _, s := range steps {
				if step, ok := s.(map[string]any)["pause"].(map[string]any); ok {
					step["duration"] = pause
					pause = "1s" // of those after it
				}
			}
			err = unstructured.SetNestedSlice(o.Object, steps, "spec", "strategy", "canary", "steps")
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	c, err := apply.New(bed.Config, apply.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Apply(t.Context(), objects); err != nil {
		t.Fatal(err)
	}
}

// status waits, with meanwhile called again and again, until the rollout has come to
// the wanted phase for good, and returns the phase of its analysis, if it had one.
func status(t *testing.T, client dynamic.Interface, ns, want string, meanwhile func()) (analysis string) {
	t.Helper()
	plaintest.Until(t, func(ctx context.Context) error {
		meanwhile()
		ro, err := client.Resource(rollouts).Namespace(ns).Get(ctx, "backend", metav1.GetOptions{})
		if err != nil {
			return err
		}
		runs, err := client.Resource(analysisRuns).Namespace(ns).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for _, run := range runs.Items {
			analysis, _, _ = unstructured.NestedString(run.Object, "status", "phase")
		}
		observed, _, _ := unstructured.NestedString(ro.Object, "status", "observedGeneration")
		phase, _, _ := unstructured.NestedString(ro.Object, "status", "phase")
		message, _, _ := unstructured.NestedString(ro.Object, "status", "message")
		switch {
		case observed != fmt.Sprint(ro.GetGeneration()):
		case phase == "Paused" && message == "CanaryPauseStep": // a step of the way
		case phase == want:
			return nil
		}
		return fmt.Errorf("rollout is %s (%s), analysis %q, want %s", phase, message, analysis, want)
	})
	return analysis
}
