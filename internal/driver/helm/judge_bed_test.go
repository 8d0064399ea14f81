package helm

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	cached "k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/restmapper"

	"github.com/buenhyden/hy-home/internal/apply"
	"github.com/buenhyden/hy-home/internal/catalog"
	hyengine "github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/plan"
	"github.com/buenhyden/hy-home/testbed/plain"
	"github.com/buenhyden/hy-home/testbed/plain/plaintest"
)

// judge asks an API server of objects, and hears its warnings as well.
type judge struct {
	bed    *plain.Bed
	client *kubernetes.Clientset
	dyn    dynamic.Interface
	mapper *restmapper.DeferredDiscoveryRESTMapper
	apply  *apply.Client
	heard  *warned

	served        map[schema.GroupKind]bool // by the API server itself
	known         map[schema.GroupKind]bool // and by the definitions of this platform so far
	levels        map[string]string         // Pod Security, by namespace
	seen          map[string]bool           // what was judged already is not judged again
	faults        []string                  // of what is being judged
	objects, pods int
}

func newJudge(t *testing.T, bed *plain.Bed) *judge {
	t.Helper()
	cfg, err := bed.Config()
	if err != nil {
		t.Fatal(err)
	}
	j := &judge{bed: bed, heard: &warned{}, seen: map[string]bool{}, served: map[schema.GroupKind]bool{}}
	cfg.WarningHandler = j.heard
	j.client, err = kubernetes.NewForConfig(cfg)
	if err == nil {
		j.dyn, err = dynamic.NewForConfig(cfg)
	}
	if err == nil {
		j.apply, err = apply.New(cfg, apply.Options{Force: true})
	}
	if err != nil {
		t.Fatal(err)
	}
	j.mapper = restmapper.NewDeferredDiscoveryRESTMapper(cached.NewMemCacheClient(j.client.Discovery()))
	lists, err := j.client.Discovery().ServerPreferredResources()
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range lists {
		gv, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range list.APIResources {
			if gv.Group != "argoproj.io" { // the bed's own
				j.served[schema.GroupKind{Group: gv.Group, Kind: r.Kind}] = true
			}
		}
	}
	// What kind brings along.
	if _, err := j.apply.Apply(t.Context(), decoded(t, "{apiVersion: v1, kind: Namespace, metadata: {name: local-path-storage}}", "kind")); err != nil {
		t.Fatal(err)
	}
	return j
}

// platform begins with another platform.
func (j *judge) platform(p plan.Plan) {
	j.known, j.levels = maps.Clone(j.served), map[string]string{}
	for _, ns := range catalog.Namespaces(p.Components) {
		j.levels[ns.Name] = ns.PodSecurity
	}
}

// component judges all that a component brings, and what its probes create: an
// object that a webhook is to refuse must get as far as the webhook.
func (j *judge) component(t *testing.T, c catalog.Component, env hyengine.Env) []string {
	t.Helper()
	cfg, err := configure(c.Namespace, env) // before its kinds are there, as in a run
	if err != nil {
		t.Fatal(err)
	}
	j.all(t, c, applied(t, c, env), j.wouldApply)
	if c.Name == "namespaces" {
		j.enforced(t)
	}
	if c.Driver == "helm" {
		created, err := released(t, cfg, c, env)
		j.say(err)
		j.all(t, c, created, j.wouldCreate)
	}
	for _, p := range c.Ready {
		if p.Webhook == nil {
			continue
		}
		text, err := c.Text(p.Webhook.Manifest, catalog.FieldsOf(env.Name, env.Values, env.Components))
		if err != nil {
			t.Fatal(err)
		}
		j.all(t, c, decoded(t, string(text), p.Webhook.Manifest), j.wouldCreate)
	}
	faults := j.faults
	j.faults = nil
	return faults
}

// needed are the kinds that must be there for what follows to be judged: where pods
// live, what they run as, how important they are, and what the kinds are.
var needed = []string{"Namespace", "ServiceAccount", "PriorityClass", "CustomResourceDefinition"}

// all judges objects in the order in which they can be applied. Those that others
// need are applied for good, first.
func (j *judge) all(t *testing.T, c catalog.Component, objects []*unstructured.Unstructured, ask func(context.Context, *unstructured.Unstructured) error) {
	t.Helper()
	var first, rest []*unstructured.Unstructured
	for _, o := range apply.Sort(objects) {
		if o = j.placed(o, c); !slices.Contains(needed, o.GetKind()) {
			rest = append(rest, o)
			continue
		}
		if o.GetKind() == "CustomResourceDefinition" {
			group, _, _ := unstructured.NestedString(o.Object, "spec", "group")
			kind, _, _ := unstructured.NestedString(o.Object, "spec", "names", "kind")
			j.known[schema.GroupKind{Group: group, Kind: kind}] = true
		}
		if !j.again(o) {
			first = append(first, o)
		}
	}
	changes, err := j.apply.Apply(t.Context(), first)
	j.say(err)
	j.warnings("what others need")
	j.objects += len(changes)
	j.mapper.Reset()
	for _, o := range rest {
		j.object(t, o, ask)
	}
}

// enforced waits until the levels of the namespaces count, which shows as well that
// this API server refuses pods: nothing else here would.
func (j *judge) enforced(t *testing.T) {
	t.Helper()
	for namespace, level := range j.levels {
		for _, tt := range []struct {
			pod    corev1.PodSpec
			passes bool
		}{
			{corev1.PodSpec{}, level != "restricted"},
			{corev1.PodSpec{HostNetwork: true}, level == "privileged"},
		} {
			tt.pod.Containers = []corev1.Container{{Name: "a", Image: "b:1"}}
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "judged"}, Spec: tt.pod}
			plaintest.Until(t, func(ctx context.Context) error {
				_, err := j.client.CoreV1().Pods(namespace).Create(ctx, pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
				refused := err != nil && strings.Contains(err.Error(), "violates PodSecurity")
				if passed := err == nil; passed != tt.passes || refused == tt.passes {
					return errors.Join(fmt.Errorf("namespace %s is to be %s", namespace, level), err)
				}
				return nil
			})
		}
	}
	j.heard.take()
}

// What the judge is for, each fault by itself.
func faulty(t *testing.T, j *judge) {
	j.platform(plan.Plan{Components: []catalog.Component{{Name: "a", Namespace: "judged", PodSecurity: "restricted"}}})
	const namespaces = "{apiVersion: v1, kind: Namespace, metadata: {name: judged, labels: {pod-security.kubernetes.io/enforce: restricted, pod-security.kubernetes.io/warn: restricted}}}"
	judged := func(name, text string) string {
		c := catalog.Component{Name: name, Driver: "manifest", Namespace: "judged", Files: fstest.MapFS{"manifests/a.yaml": {Data: []byte(text)}}}
		return strings.Join(j.component(t, c, envOf(t, plan.Plan{}, j.bed.Kubeconfig)), "\n")
	}
	if got := judged("namespaces", namespaces); got != "" {
		t.Fatal(got)
	}
	workload := func(kind, more, pod string) string {
		return fmt.Sprintf(`{apiVersion: apps/v1, kind: %s, metadata: {name: a}, spec: {%s selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {
			securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}},
			containers: [{name: a, image: "b:1", securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}], %s}}}}`, kind, more, pod)
	}
	for name, tt := range map[string]struct{ text, want string }{
		"nothing wrong":    {workload("Deployment", "", ""), ""},
		"unknown field":    {"{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, dat: {a: b}}", `.dat: field not declared in schema`},
		"unknown kind":     {"{apiVersion: example.com/v1, kind: Pool, metadata: {name: a}}", "nobody before it brings the kind Pool.example.com"},
		"kind of the bed":  {"{apiVersion: argoproj.io/v1alpha1, kind: Rollout, metadata: {name: a}}", "nobody before it brings the kind Rollout.argoproj.io"},
		"deprecated":       {"{apiVersion: v1, kind: Endpoints, metadata: {name: a}}", "warning: v1 Endpoints is deprecated"},
		"invalid":          {workload("Deployment", "replicas: -1,", ""), "spec.replicas: Invalid value"},
		"level":            {workload("Deployment", "", "hostNetwork: true"), "its pod: pods \"judged\" is forbidden: violates PodSecurity"},
		"level, foretold":  {workload("Deployment", "", "hostPID: true"), "warning: would violate PodSecurity"},
		"account":          {workload("Deployment", "", "serviceAccountName: nobody"), "service account judged/nobody"},
		"claim":            {workload("StatefulSet", `serviceName: a, volumeClaimTemplates: [{metadata: {name: d}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: "0"}}}}],`, ""), "its claim: "},
		"pod in a text":    {`{apiVersion: v1, kind: ConfigMap, metadata: {name: p}, data: {pod: '{apiVersion: v1, kind: Pod, spec: {hostNetwork: true, containers: [{name: a, image: "b:1"}]}}'}}`, "the pod in it: "},
		"wrong definition": {"{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: a}, spec: {}}", "customresourcedefinition a"},
	} {
		if got := judged(name, tt.text); tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}
