package helm

import (
	"bytes"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chartutil"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	psa "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

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

func TestCharts_ReadEveryValueThatTheyAreGiven(t *testing.T) {
	eachChart(t, func(t *testing.T, c catalog.Component, env hyengine.Env) {
		ch, _, _, err := load(t.Context(), c, env)
		if err != nil {
			t.Fatal(err)
		}
		text, err := c.Text(valuesFile, catalog.FieldsOf(env.Name, env.Values, env.Components))
		if err != nil {
			t.Fatal(err)
		}
		unread, err := Unread(ch, text)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range unread {
			t.Errorf("values.yaml:%d: the chart reads no value %s%s", u.Line, u.Path, u.Meant())
		}
	})
}

// anImage is an image as an operator is told of it: --config-reloader=quay.io/x/y:v1.
var anImage = regexp.MustCompile(`^(?:--[a-z-]+=)?([a-z0-9-]+(?:\.[a-z0-9-]+)+/[a-z0-9._/-]+:[A-Za-z0-9][A-Za-z0-9._-]*)$`)

// neverRun are images that operators are told of for what no chart of ours asks of
// them, with the reason.
var neverRun = map[string]string{
	"quay.io/thanos/thanos": "there is no ThanosRuler, and no Prometheus with a sidecar of it",
}

// told are the images that no pod of the chart runs, but that operators will run:
// named in their arguments, or in a resource of theirs.
func told(objects []*unstructured.Unstructured, pods map[string]corev1.PodTemplateSpec) map[string]string {
	found := map[string]string{}
	for name, pod := range pods {
		for _, container := range pod.Spec.Containers {
			for _, arg := range append(container.Args, container.Command...) {
				if m := anImage.FindStringSubmatch(arg); m != nil && neverRun[strings.SplitN(m[1], ":", 2)[0]] == "" {
					found[m[1]] = name
				}
			}
		}
	}
	for _, o := range objects {
		if image, ok, _ := unstructured.NestedString(o.Object, "spec", "image"); ok && image != "" {
			found[image] = apply.Describe(o)
		}
	}
	return found
}

// What pods run is what the catalog says, and so what is pulled beforehand and locked.
func TestCharts_RunTheListedImages(t *testing.T) {
	eachChart(t, func(t *testing.T, c catalog.Component, env hyengine.Env) {
		objects, hooks := rendered(t, c, env, kubeVersions[0])
		listed := map[string]bool{}
		for _, image := range c.Images {
			listed[lock.Normal(image)] = true
		}
		templates := pods(t, append(objects, hooks...))
		for image, name := range told(objects, templates) {
			if !listed[lock.Normal(image)] {
				t.Errorf("%s has %s run, which is not among the component's images", name, image)
			}
		}
		for name, pod := range templates {
			for _, container := range append(pod.Spec.InitContainers, pod.Spec.Containers...) {
				if container.Image == "auto" {
					continue // Istio puts its own there
				}
				image := lock.Normal(container.Image)
				if !listed[image] {
					t.Errorf("%s runs %s, which is not among the component's images", name, image)
				}
				if strings.HasSuffix(image, ":latest") {
					t.Errorf("%s runs %s", name, image)
				}
			}
		}
	})
}

// The namespace's level is one that all pods keep, and no wider than they need.
func TestCharts_KeepThePodSecurityLevelOfTheirNamespace(t *testing.T) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	levels := []psa.Level{psa.LevelRestricted, psa.LevelBaseline, psa.LevelPrivileged}
	eachChart(t, func(t *testing.T, c catalog.Component, env hyengine.Env) {
		objects, hooks := rendered(t, c, env, kubeVersions[0])
		needed, why := 0, "no pod needs more"
		for name, pod := range pods(t, append(objects, hooks...)) {
			for needed < len(levels)-1 {
				result := policy.AggregateCheckResults(evaluator.EvaluatePod(psa.LevelVersion{Level: levels[needed], Version: psa.LatestVersion()}, &pod.ObjectMeta, &pod.Spec))
				if result.Allowed {
					break
				}
				why = fmt.Sprintf("%s breaks %s: %s", name, levels[needed], result.ForbiddenDetail())
				needed++
			}
		}
		if c.PodSecurity != string(levels[needed]) {
			t.Errorf("pod-security is %q, its pods need %q (%s)", c.PodSecurity, levels[needed], why)
		}
	})
}

// The golden files say what each chart comes to; they also show that every
// version of Kubernetes gets the same objects.
func TestCharts_Objects(t *testing.T) {
	eachChart(t, func(t *testing.T, c catalog.Component, env hyengine.Env) {
		var texts [][]byte
		for _, kube := range kubeVersions {
			objects, hooks := rendered(t, c, env, kube)
			texts = append(texts, inventory(t, objects, hooks))
		}
		if !bytes.Equal(texts[0], texts[1]) {
			t.Errorf("for %s it makes other objects than for %s", kubeVersions[1], kubeVersions[0])
		}
		size := c.Size
		if size == "" {
			size = catalog.Slim
		}
		golden(t, filepath.Join("charts", c.Name+"-"+size+".txt"), string(texts[0]))
	})
}

// inventory lists objects, and what their pods run and ask for.
func inventory(t *testing.T, objects, hooks []*unstructured.Unstructured) []byte {
	t.Helper()
	var lines []string
	for what, list := range map[string][]*unstructured.Unstructured{"": objects, "hook ": hooks} {
		for _, o := range list {
			lines = append(lines, what+apply.Describe(o))
		}
		for name, pod := range pods(t, list) {
			for _, container := range append(pod.Spec.InitContainers, pod.Spec.Containers...) {
				r := container.Resources
				lines = append(lines, fmt.Sprintf("%s%s: %s runs %s, asks for %s, at most %s", what, name, container.Name, container.Image, amounts(r.Requests), amounts(r.Limits)))
			}
		}
	}
	for image, name := range told(objects, pods(t, objects)) {
		lines = append(lines, fmt.Sprintf("%s: has %s run", name, image))
	}
	slices.Sort(lines)
	return []byte(strings.Join(slices.Compact(lines), "\n") + "\n")
}

func amounts(r corev1.ResourceList) string {
	if len(r) == 0 {
		return "nothing said"
	}
	var said []string
	for _, name := range slices.Sorted(maps.Keys(r)) {
		q := r[name]
		said = append(said, fmt.Sprintf("%s %s", name, q.String()))
	}
	return strings.Join(said, " ")
}
