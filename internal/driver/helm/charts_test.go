package helm

import (
	"bytes"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	psa "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"github.com/buenhyden/hy-home/internal/apply"
	"github.com/buenhyden/hy-home/internal/catalog"
	hyengine "github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/lock"
	"github.com/buenhyden/hy-home/internal/testkit/golden"
)

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
		golden.Compare(t, filepath.Join("charts", c.Name+"-"+size+".txt"), string(texts[0]))
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
