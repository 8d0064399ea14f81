package ready

import (
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/cache"
)

// causes are what keeps the pods of a workload from being ready, and it from
// having pods.
func (s *surroundings) causes(obj *unstructured.Unstructured) []Cause {
	var causes []Cause
	makers := s.makers(obj)
	have := 0
	for _, p := range typed[corev1.Pod](s.pods) {
		if p.DeletionTimestamp != nil || !ownedBy(&p, makers) {
			continue
		}
		have++
		if cause, ok := PodCause(&p); ok {
			causes = append(causes, cause)
		}
	}
	if have < wanted(obj) {
		if cause, ok := s.refused(obj, makers); ok {
			causes = append(causes, cause)
		}
	}
	return causes
}

// refused tells that pods were not even created. It leaves no trace but an event
// at whoever wanted them, and a condition of a Deployment, which may be of
// before a cure.
func (s *surroundings) refused(obj *unstructured.Unstructured, makers []string) (Cause, bool) {
	for _, e := range s.warnings(makers...) {
		if e.Reason != "FailedCreate" {
			continue
		}
		cause := Cause{Key: "create", Text: joinNonEmpty(e.Reason, oneLine(e.Message)), Patience: patienceConfig}
		if forGood(e.Message) {
			cause.Patience = patienceFinal
		}
		return cause, true
	}
	list, _, _ := unstructured.NestedSlice(obj.Object, "status", "conditions")
	for _, item := range list {
		c, _ := item.(map[string]any)
		if c["type"] == string(appsv1.DeploymentReplicaFailure) && c["status"] == "True" {
			return Cause{Key: "create", Text: joinNonEmpty(fmt.Sprint(c["reason"]), oneLine(fmt.Sprint(c["message"]))), Patience: patienceConfig}, true
		}
	}
	return Cause{}, false
}

// forGood reports a refusal that waiting does not change.
func forGood(message string) bool {
	return strings.Contains(message, "exceeded quota") || strings.Contains(message, "violates PodSecurity") || strings.Contains(message, "denied the request")
}

// wanted is how many pods an object wants.
func wanted(obj *unstructured.Unstructured) int {
	path := map[string][]string{
		"Deployment": {"spec", "replicas"}, "StatefulSet": {"spec", "replicas"}, "ReplicaSet": {"spec", "replicas"},
		"DaemonSet": {"status", "desiredNumberScheduled"}, "Job": {"spec", "parallelism"},
	}[obj.GetKind()]
	n, _, _ := unstructured.NestedInt64(obj.Object, path...)
	return int(n)
}

// makers are the UIDs of what makes the pods of an object's newest template:
// those of an older one may crash as they like, they are about to go.
func (s *surroundings) makers(obj *unstructured.Unstructured) []string {
	const revision = "deployment.kubernetes.io/revision"
	uids := []string{string(obj.GetUID())}
	if obj.GetKind() != "Deployment" {
		return uids
	}
	for _, rs := range typed[appsv1.ReplicaSet](s.sets) {
		for _, o := range rs.OwnerReferences {
			if o.UID == obj.GetUID() && rs.Annotations[revision] == obj.GetAnnotations()[revision] {
				uids = append(uids, string(rs.UID))
			}
		}
	}
	return uids
}

func ownedBy(p *corev1.Pod, makers []string) bool {
	if slices.Contains(makers, string(p.UID)) {
		return true // the probe is about pods
	}
	return slices.ContainsFunc(p.OwnerReferences, func(o metav1.OwnerReference) bool { return slices.Contains(makers, string(o.UID)) })
}

// unhappy says of every pod of these objects that is not ready how it is, with
// the last warning about it; of every pod of the namespace where none is theirs,
// as those of a custom resource are made by way of others.
func (s *surroundings) unhappy(objs []*unstructured.Unstructured) []string {
	pods := typed[corev1.Pod](s.pods)
	var makers []string
	for _, obj := range objs {
		makers = append(makers, s.makers(obj)...)
	}
	own := func(p corev1.Pod) bool { return ownedBy(&p, makers) }
	if slices.ContainsFunc(pods, own) {
		pods = slices.DeleteFunc(pods, func(p corev1.Pod) bool { return !own(p) })
	}
	var lines []string
	for _, p := range pods {
		ready := 0
		for _, c := range p.Status.ContainerStatuses {
			if c.Ready {
				ready++
			}
		}
		if p.Status.Phase == corev1.PodSucceeded || p.DeletionTimestamp != nil || ready == len(p.Spec.Containers) {
			continue
		}
		line := fmt.Sprintf("pod %s is %s %d/%d", p.Name, p.Status.Phase, ready, len(p.Spec.Containers))
		if events := s.warnings(string(p.UID)); len(events) > 0 {
			last := events[len(events)-1]
			line = joinNonEmpty(line, last.Reason, oneLine(last.Message))
		}
		lines = append(lines, line)
	}
	return lines
}

// typed reads the objects of a store, by name.
func typed[T any](store cache.Store) []T {
	if store == nil {
		return nil
	}
	var list []T
	for _, u := range in(store) {
		var t T
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &t); err == nil {
			list = append(list, t)
		}
	}
	return list
}
