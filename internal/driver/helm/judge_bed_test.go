package helm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	cached "k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/restmapper"
	"sigs.k8s.io/yaml"

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

// warned collects warnings.
type warned struct {
	sync.Mutex
	texts []string
}

func (w *warned) HandleWarningHeader(_ int, _ string, text string) {
	w.Lock()
	defer w.Unlock()
	w.texts = append(w.texts, text)
}

// take gives what was heard since the last time.
func (w *warned) take() []string {
	w.Lock()
	defer w.Unlock()
	texts := w.texts
	w.texts = nil
	return texts
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

// object judges one object, and the pods and claims that would be made of it.
func (j *judge) object(t *testing.T, o *unstructured.Unstructured, ask func(context.Context, *unstructured.Unstructured) error) {
	t.Helper()
	name := apply.Describe(o)
	if kind := o.GroupVersionKind().GroupKind(); !j.known[kind] {
		j.say(fmt.Errorf("%s: nobody before it brings the kind %s", name, kind))
		return
	}
	if j.again(o) {
		return
	}
	j.say(about(name, ask(t.Context(), o)))
	j.objects++
	claims, _, _ := unstructured.NestedSlice(o.Object, "spec", "volumeClaimTemplates")
	for _, template := range pods(t, []*unstructured.Unstructured{o}) {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "judged", Labels: template.Labels, Annotations: template.Annotations}, Spec: template.Spec}
		for _, claim := range claims {
			claim := &unstructured.Unstructured{Object: maps.Clone(claim.(map[string]any))}
			claim.SetAPIVersion("v1")
			claim.SetKind("PersistentVolumeClaim")
			claim.SetNamespace(o.GetNamespace())
			j.say(about(name+": its claim", j.wouldCreate(t.Context(), claim)))
			pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: claim.GetName(), VolumeSource: corev1.VolumeSource{
				PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim.GetName() + "-judged"},
			}})
		}
		_, err := j.client.CoreV1().Pods(o.GetNamespace()).Create(t.Context(), pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		j.say(about(name+": its pod", err))
		j.pods++
	}
	for _, pod := range templatesOf(o) {
		pod.SetName("judged") // whoever makes it gives it one
		pod.SetNamespace(o.GetNamespace())
		j.say(about(name+": the pod in it", j.wouldCreate(t.Context(), pod)))
		j.pods++
	}
	j.warnings(name)
}

// templatesOf are the pods that lie as texts in a ConfigMap, as those of Airflow's
// tasks do.
func templatesOf(o *unstructured.Unstructured) (found []*unstructured.Unstructured) {
	if o.GetKind() != "ConfigMap" {
		return nil
	}
	data, _, _ := unstructured.NestedStringMap(o.Object, "data")
	for _, text := range data {
		pod := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(text), &pod.Object); err == nil && pod.GetKind() == "Pod" {
			found = append(found, pod)
		}
	}
	return found
}

// warnings takes down what the API server warned of.
func (j *judge) warnings(name string) {
	for _, text := range j.heard.take() {
		j.say(fmt.Errorf("%s: warning: %s", name, text))
	}
}

func about(name string, err error) error {
	if err != nil {
		err = fmt.Errorf("%s: %w", name, err)
	}
	return err
}

// say takes a fault down, if it is one.
func (j *judge) say(err error) {
	if err != nil {
		j.faults = append(j.faults, err.Error())
	}
}

// placed is the object in the namespace in which it lands.
func (j *judge) placed(o *unstructured.Unstructured, c catalog.Component) *unstructured.Unstructured {
	mapping, err := j.mapping(o)
	if err == nil && mapping.Scope.Name() == meta.RESTScopeNameNamespace && o.GetNamespace() == "" {
		o = o.DeepCopy()
		o.SetNamespace(c.Namespace)
	}
	return o
}

// again reports whether the same was judged before, of a namespace of the same level.
func (j *judge) again(o *unstructured.Unstructured) bool {
	text, err := json.Marshal(o.Object)
	key := string(text) + j.levels[o.GetNamespace()]
	before := j.seen[key]
	j.seen[key] = true
	return err == nil && before
}

func (j *judge) mapping(o *unstructured.Unstructured) (*meta.RESTMapping, error) {
	return j.mapper.RESTMapping(o.GroupVersionKind().GroupKind(), o.GroupVersionKind().Version)
}

func (j *judge) resource(o *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	mapping, err := j.mapping(o)
	if err != nil {
		return nil, err
	}
	return j.dyn.Resource(mapping.Resource).Namespace(o.GetNamespace()), nil
}

// wouldCreate asks as Helm does.
func (j *judge) wouldCreate(ctx context.Context, o *unstructured.Unstructured) error {
	res, err := j.resource(o)
	if err != nil {
		return err
	}
	_, err = res.Create(ctx, o, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}, FieldValidation: metav1.FieldValidationStrict})
	return err
}

// wouldApply asks as package apply does.
func (j *judge) wouldApply(ctx context.Context, o *unstructured.Unstructured) error {
	res, err := j.resource(o)
	if err != nil {
		return err
	}
	text, err := json.Marshal(o.Object)
	if err != nil {
		return err
	}
	force := true
	_, err = res.Patch(ctx, o.GetName(), types.ApplyPatchType, text, metav1.PatchOptions{
		FieldManager: apply.FieldManager, Force: &force, DryRun: []string{metav1.DryRunAll}, FieldValidation: metav1.FieldValidationStrict,
	})
	return err
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
			plaintest.Until(t, 30*time.Second, func(ctx context.Context) error {
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
