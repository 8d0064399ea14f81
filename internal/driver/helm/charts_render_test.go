package helm

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chartutil"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/buenhyden/hy-home/internal/apply"
	"github.com/buenhyden/hy-home/internal/catalog"
	hyengine "github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/lock"
	"github.com/buenhyden/hy-home/internal/testkit"
)

// chartDirectory is where packaged charts lie: HYACTION_CHART_DIR, or a directory
// beside the checkout. Without one the tests of charts that are fetched are
// skipped: these are upstream's and not kept here.
func chartDirectory(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("HYACTION_CHART_DIR"); dir != "" {
		return dir
	}
	return filepath.Join(testkit.Root(t), "..", "shared", "charts")
}

// kubeVersions are the oldest and the newest that charts are rendered for.
var kubeVersions = []string{"v1.34.4", "v1.37.0"}

// sample is what the platform knows, as the built-in networks have it.
var sample = map[string]string{
	"platform": "hy-home", "registry-mirror": "", "docker-username": "",
	"kind-net-name": "kind", "kind-net-subnet": "172.18.0.0/16", "kind-net-gateway": "172.18.0.1", "kind-net-ip-range": "172.18.0.0/24", "kind-net-pool": "172.18.100.0/24",
	"infra-net-name": "infra_net", "infra-net-subnet": "172.19.0.0/16", "infra-net-gateway": "172.19.0.1", "infra-net-ip-range": "172.19.128.0/17",
}

// eachChart runs a check on every chart of the catalog, at every size.
func eachChart(t *testing.T, check func(t *testing.T, c catalog.Component, env hyengine.Env)) {
	cat, err := catalog.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	dir := chartDirectory(t)
	for _, c := range cat.Components {
		want, remote, err := lock.RemoteChart(c)
		if err != nil {
			t.Error(err)
		}
		if c.Driver != "helm" {
			continue
		}
		for _, size := range c.Sizes() {
			sized, err := c.Sized(size)
			if err != nil {
				t.Fatal(err)
			}
			t.Run(c.Name+"-"+size, func(t *testing.T) {
				dir := dir
				if remote {
					dir = directoryOf(t, dir, want)
				}
				check(t, sized, hyengine.Env{
					Name: "hy-home", StateDir: t.TempDir(), ChartDir: dir, Values: sample, Components: cat.Components,
					Progress: func(string) {}, Log: slog.New(slog.DiscardHandler),
				})
			})
		}
	}
}

// directoryOf is the directory in which a chart lies. A pre-release of its version
// stands in for one that is not there: what was to be released differs in little.
func directoryOf(t *testing.T, dir string, want lock.Chart) string {
	t.Helper()
	archive := want.Name + "-" + want.Version + ".tgz"
	if _, err := os.Stat(filepath.Join(dir, archive)); err == nil {
		return dir
	}
	early, err := filepath.Glob(filepath.Join(dir, want.Name+"-"+want.Version+"-*.tgz"))
	if err != nil || len(early) == 0 {
		t.Skipf("%s is not in %s: set HYACTION_CHART_DIR to a directory of packaged charts", archive, dir)
	}
	data, err := os.ReadFile(early[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s stands in for %s", filepath.Base(early[0]), archive)
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, archive), data, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// rendered is what a chart makes for one version of Kubernetes: its objects, and
// those of its hooks.
func rendered(t *testing.T, c catalog.Component, env hyengine.Env, kube string) (objects, hooks []*unstructured.Unstructured) {
	t.Helper()
	ch, values, _, err := load(t.Context(), c, env)
	if err != nil {
		t.Fatal(err)
	}
	version, err := chartutil.ParseKubeVersion(kube)
	if err != nil {
		t.Fatal(err)
	}
	i := action.NewInstall(&action.Configuration{Log: func(string, ...any) {}})
	if i.ReleaseName, err = releaseName(c); err != nil {
		t.Fatal(err)
	}
	i.Namespace = c.Namespace
	i.DryRun, i.ClientOnly, i.Replace, i.IncludeCRDs, i.KubeVersion = true, true, true, true, version
	release, err := i.RunWithContext(t.Context(), ch, values)
	if err != nil {
		t.Fatalf("for %s: %v", kube, err)
	}
	if objects, err = apply.Decode(strings.NewReader(release.Manifest), "manifest"); err != nil {
		t.Fatal(err)
	}
	for _, h := range release.Hooks {
		found, err := apply.Decode(strings.NewReader(h.Manifest), h.Path)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(fmt.Sprint(h.Events), "test") {
			hooks = append(hooks, found...)
		}
	}
	return objects, hooks
}

// pods are the pod templates of objects, by the object's name.
func pods(t *testing.T, objects []*unstructured.Unstructured) map[string]corev1.PodTemplateSpec {
	t.Helper()
	found := map[string]corev1.PodTemplateSpec{}
	var look func(name string, node any)
	look = func(name string, node any) {
		m, ok := node.(map[string]any)
		if !ok {
			return
		}
		if spec, ok := m["spec"].(map[string]any); ok && spec["containers"] != nil {
			var pod corev1.PodTemplateSpec
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(map[string]any{"metadata": m["metadata"], "spec": spec}, &pod); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			found[name] = pod
			return
		}
		for _, key := range []string{"spec", "template", "jobTemplate"} {
			look(name, m[key])
		}
	}
	for _, o := range objects {
		// What an operator makes of a resource of its own is not in there.
		if slices.Contains([]string{"", "apps", "batch"}, o.GroupVersionKind().Group) {
			look(apply.Describe(o), o.Object)
		}
	}
	return found
}
