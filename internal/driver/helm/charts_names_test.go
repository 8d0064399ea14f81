package helm

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/buenhyden/hy-home/internal/catalog"
	hyengine "github.com/buenhyden/hy-home/internal/engine"
)

// madeByCharts are the kinds that a chart itself makes wherever a probe asks for one.
var madeByCharts = []string{"Deployment", "StatefulSet", "DaemonSet", "Job", "Service"}

// A probe for what no chart makes would wait until its time is up, and an endpoint
// of that kind would be nobody's.
func TestCharts_MakeWhatProbesAndEndpointsName(t *testing.T) {
	eachChart(t, func(t *testing.T, c catalog.Component, env hyengine.Env) {
		objects, hooks := rendered(t, c, env, kubeVersions[0])
		has := func(kind, name string) bool {
			return slices.ContainsFunc(objects, func(o *unstructured.Unstructured) bool { return o.GetKind() == kind && o.GetName() == name })
		}
		for i, p := range c.Ready {
			switch {
			case p.Object != nil && slices.Contains(madeByCharts, p.Object.Kind) && p.Object.Name != "" && !has(p.Object.Kind, p.Object.Name):
				t.Errorf("ready[%d]: there is no %s %s", i, p.Object.Kind, p.Object.Name)
			case p.CRD != "" && !has("CustomResourceDefinition", p.CRD):
				t.Errorf("ready[%d]: there is no definition %s", i, p.CRD)
			case p.HTTP != nil && !serves(t, objects, p.HTTP.Service):
				t.Errorf("ready[%d]: no Service has %s", i, p.HTTP.Service)
			case p.TCP != nil && !serves(t, objects, p.TCP.Service):
				t.Errorf("ready[%d]: no Service has %s", i, p.TCP.Service)
			case p.Exec != nil:
				selector, err := labels.Parse(p.Exec.Pods)
				if err != nil {
					t.Fatal(err)
				}
				found := false
				for _, pod := range pods(t, append(objects, hooks...)) {
					has := slices.ContainsFunc(pod.Spec.Containers, func(k corev1.Container) bool { return p.Exec.Container == "" || k.Name == p.Exec.Container })
					found = found || has && selector.Matches(labels.Set(pod.Labels))
				}
				if !found {
					t.Errorf("ready[%d]: no pod has the labels %s and a container %q", i, p.Exec.Pods, p.Exec.Container)
				}
			}
		}
		for _, e := range c.Expose {
			for _, host := range e.Hosts {
				if !serves(t, objects, host+":"+strconv.Itoa(e.Port)) {
					t.Errorf("expose %s: no Service has %s:%d", e.Name, host, e.Port)
				}
			}
			if e.NodePort != 0 && !slices.ContainsFunc(services(t, objects), func(s corev1.Service) bool {
				return slices.ContainsFunc(s.Spec.Ports, func(p corev1.ServicePort) bool { return int(p.NodePort) == e.NodePort })
			}) {
				t.Errorf("expose %s: no Service has the node port %d", e.Name, e.NodePort)
			}
		}
	})
}

func services(t *testing.T, objects []*unstructured.Unstructured) (all []corev1.Service) {
	t.Helper()
	for _, o := range objects {
		if o.GetKind() != "Service" || o.GroupVersionKind().Group != "" {
			continue
		}
		var s corev1.Service
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &s); err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

// serves reports that a Service has a port, which is given as "name:port" with the
// port's number or name.
func serves(t *testing.T, objects []*unstructured.Unstructured, at string) bool {
	t.Helper()
	name, port, _ := strings.Cut(at, ":")
	return slices.ContainsFunc(services(t, objects), func(s corev1.Service) bool {
		return s.Name == name && slices.ContainsFunc(s.Spec.Ports, func(p corev1.ServicePort) bool {
			return p.Name == port || strconv.Itoa(int(p.Port)) == port
		})
	})
}

// spared are keys that a chart asks for and can do without: Redis has no users, and
// is not watched by a sentinel.
var spared = map[string][]string{"argocd-redis": {"redis-username", "redis-sentinel-username", "redis-sentinel-password"}}

// What the catalog makes Secrets of is read by the chart, under the very keys: one
// that is optional to the chart would be missed in silence.
func TestCharts_ReadTheSecretsThatAreMadeForThem(t *testing.T) {
	eachChart(t, func(t *testing.T, c catalog.Component, env hyengine.Env) {
		if len(c.KubernetesSecrets) == 0 {
			return
		}
		objects, hooks := rendered(t, c, env, kubeVersions[0])
		text, err := json.Marshal(append(objects, hooks...))
		if err != nil {
			t.Fatal(err)
		}
		asked := keysAsked(pods(t, append(objects, hooks...)))
		for _, s := range c.KubernetesSecrets {
			// Some are read by their label, and some are passed on by name.
			if len(s.Labels) == 0 && !strings.Contains(string(text), s.Name) {
				t.Errorf("kubernetes-secrets %s: nothing of the chart names it", s.Name)
			}
			for key, who := range asked[s.Name] {
				if _, ok := s.Data[key]; !ok && !slices.Contains(spared[s.Name], key) {
					t.Errorf("kubernetes-secrets %s: %s reads the key %q, which it does not have", s.Name, who, key)
				}
			}
		}
	})
}

// keysAsked are the keys of Secrets that containers take for variables, with who
// asks: Secret -> key -> container.
func keysAsked(templates map[string]corev1.PodTemplateSpec) map[string]map[string]string {
	asked := map[string]map[string]string{}
	for name, pod := range templates {
		for _, container := range append(pod.Spec.InitContainers, pod.Spec.Containers...) {
			for _, v := range container.Env {
				if v.ValueFrom == nil || v.ValueFrom.SecretKeyRef == nil {
					continue
				}
				ref := v.ValueFrom.SecretKeyRef
				if asked[ref.Name] == nil {
					asked[ref.Name] = map[string]string{}
				}
				asked[ref.Name][ref.Key] = fmt.Sprintf("%s (%s, %s)", name, container.Name, v.Name)
			}
		}
	}
	return asked
}
