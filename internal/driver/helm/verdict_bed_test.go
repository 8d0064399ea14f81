package helm

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"

	"github.com/buenhyden/hy-home/internal/apply"
	"github.com/buenhyden/hy-home/internal/catalog"
)

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
