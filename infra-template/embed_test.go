package infratemplate

import (
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/expr-lang/expr"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/kustomize"
)

func TestWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "infra")
	for i, want := range []bool{true, false} {
		if got, err := Write(dir); err != nil || got != want {
			t.Fatalf("Write %d = %v, %v; want %v", i, got, err, want)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "embed.go")); err == nil {
		t.Error("Go code was written")
	}
	info, err := os.Stat(filepath.Join(dir, "apps/backend/overlays/dev/kustomization.yaml"))
	if err != nil || info.Mode().Perm()&0o200 == 0 {
		t.Errorf("the overlay must be writable: %v, %v", info.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(dir), ".hyaction-*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestWrite_IntoAnEmptyDirectory(t *testing.T) {
	if written, err := Write(t.TempDir()); err != nil || !written {
		t.Errorf("Write = %v, %v", written, err)
	}
}

func TestWrite_RefusesAnotherDirectory(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "mine"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Write(dir); exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("err = %v", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("something was written: %v", entries)
	}
}

func render(t *testing.T, dir string) []*unstructured.Unstructured {
	t.Helper()
	temp := filepath.Join(t.TempDir(), "infra")
	if _, err := Write(temp); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(temp)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	objects, err := kustomize.Render(root, dir)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

func find(t *testing.T, objects []*unstructured.Unstructured, kind, name string) map[string]any {
	t.Helper()
	for _, o := range objects {
		if o.GetKind() == kind && o.GetName() == name {
			if ns := o.GetNamespace(); ns != "apps" {
				t.Errorf("%s %s is in namespace %q", kind, name, ns)
			}
			return o.Object
		}
	}
	t.Fatalf("there is no %s %s", kind, name)
	return nil
}

func TestEveryKustomizationRenders(t *testing.T) {
	err := fs.WalkDir(FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == "kustomization.yaml" {
			render(t, filepath.Dir(path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	objects := render(t, "clusters/hy-home")
	if got := kustomize.Images(objects); len(got) != 1 || got[0] != "localhost:5001/shop/backend:v1" {
		t.Errorf("the cluster runs %q", got)
	}
	find(t, objects, "Service", "backend")
	find(t, objects, "Service", "backend-pods")
}

// The pods must be let into a namespace that enforces the level "restricted".
func TestRollout_IsRestricted(t *testing.T) {
	rollout := find(t, render(t, "apps/backend/overlays/dev"), "Rollout", "backend")
	pod, _, _ := unstructured.NestedMap(rollout, "spec", "template", "spec")
	containers, _, _ := unstructured.NestedSlice(pod, "containers")
	container := containers[0].(map[string]any)
	for _, want := range []struct {
		in    map[string]any
		path  string
		value any
	}{
		{pod, "securityContext.runAsNonRoot", true},
		{pod, "securityContext.seccompProfile.type", "RuntimeDefault"},
		{container, "securityContext.allowPrivilegeEscalation", false},
	} {
		if got, _, _ := unstructured.NestedFieldNoCopy(want.in, strings.Split(want.path, ".")...); got != want.value {
			t.Errorf("%s = %v, want %v", want.path, got, want.value)
		}
	}
	if drop, _, _ := unstructured.NestedStringSlice(container, "securityContext", "capabilities", "drop"); len(drop) != 1 || drop[0] != "ALL" {
		t.Errorf("capabilities dropped: %v", drop)
	}
	steps, _, _ := unstructured.NestedSlice(rollout, "spec", "strategy", "canary", "steps")
	for _, step := range steps {
		args, _, _ := unstructured.NestedSlice(step.(map[string]any), "analysis", "args")
		for _, arg := range args {
			if got, _, _ := unstructured.NestedString(arg.(map[string]any), "valueFrom", "podTemplateHashValue"); got == "Latest" {
				return
			}
		}
	}
	t.Error("no analysis is told the canary's pod template hash")
}

// The analysis must never pass on a query that found nothing.
func TestAnalysis_NoDataIsInconclusive(t *testing.T) {
	template := find(t, render(t, "apps/backend/overlays/dev"), "AnalysisTemplate", "backend-error-ratio")
	metrics, _, _ := unstructured.NestedSlice(template, "spec", "metrics")
	metric := metrics[0].(map[string]any)
	holds := func(condition string, result []float64) bool {
		t.Helper()
		// The environment that Argo Rollouts gives, as far as it is used.
		env := map[string]any{"result": result, "isNaN": math.IsNaN}
		program, err := expr.Compile(metric[condition].(string), expr.Env(env), expr.AsBool())
		if err != nil {
			t.Fatal(err)
		}
		out, err := expr.Run(program, env)
		if err != nil {
			t.Fatalf("%s of %v: %v", condition, result, err)
		}
		return out.(bool)
	}
	for _, tc := range []struct {
		result          []float64
		success, failed bool
	}{
		{nil, false, false},                   // no such revision in Prometheus
		{[]float64{math.NaN()}, false, false}, // no requests
		{[]float64{0}, true, false},
		{[]float64{0.049}, true, false},
		{[]float64{0.05}, false, true},
		{[]float64{1}, false, true},
		{[]float64{math.Inf(1)}, false, true},
	} {
		if s, f := holds("successCondition", tc.result), holds("failureCondition", tc.result); s != tc.success || f != tc.failed {
			t.Errorf("result %v: success %v, failure %v; want %v, %v", tc.result, s, f, tc.success, tc.failed)
		}
	}
	count, inconclusive, failures := metric["count"].(int64), metric["inconclusiveLimit"].(int64), metric["failureLimit"].(int64)
	if count-inconclusive-failures < 2 {
		t.Errorf("of %d measurements only %d need to succeed", count, count-inconclusive-failures)
	}
}
