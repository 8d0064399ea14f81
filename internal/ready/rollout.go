package ready

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"

	"github.com/buenhyden/hy-home/internal/catalog"
)

// rollout waits until a workload has rolled out, or until one cause has held it
// up for longer than it may.
func (c *Cluster) rollout(ctx context.Context, namespace string, p catalog.RolloutProbe, progress func(string)) error {
	what := fmt.Sprintf("%s %s/%s", strings.ToLower(p.Kind), namespace, p.Name)
	w, err := c.watch(ctx, namespace, p)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	defer w.stop()

	since := map[string]time.Time{} // cause -> when it was first seen
	var last error
	var told string
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		done, state, causes := w.look()
		if done {
			return nil
		}
		if state != told {
			progress(what + ": " + state)
			told = state
		}
		last = errors.New(state)
		final, next := judge(causes, since, time.Now())
		if len(causes) > 0 {
			last = errors.New(causes[0].Text)
		}
		if final != nil {
			return fmt.Errorf("%s is not ready: %s%s", what, final.Text, c.lastWords(ctx, namespace, final.Key))
		}
		timer.Reset(next)
		select {
		case <-ctx.Done():
			return notReady(what, last, ctx.Err())
		case <-w.changed:
		case <-timer.C:
		}
	}
}

// judge returns the cause that has lasted longer than its patience, or else how
// long until one can. Causes that have gone are forgotten.
func judge(causes []Cause, since map[string]time.Time, now time.Time) (*Cause, time.Duration) {
	seen := make(map[string]bool, len(causes))
	next := time.Hour
	for i, c := range causes {
		seen[c.Key] = true
		first, ok := since[c.Key]
		if !ok {
			first = now
			since[c.Key] = now
		}
		left := c.Patience - now.Sub(first)
		if left <= 0 {
			return &causes[i], 0
		}
		next = min(next, left)
	}
	for key := range since {
		if !seen[key] {
			delete(since, key)
		}
	}
	return nil, next
}

// lastWords is the last line that a crashing container wrote, as that is where
// most programs say why. key is that of a container's [Cause].
func (c *Cluster) lastWords(ctx context.Context, namespace, key string) string {
	pod, container, ok := strings.Cut(key, "/")
	if !ok || strings.Contains(container, "/") {
		return ""
	}
	lines := int64(1)
	raw, err := c.Client.CoreV1().Pods(namespace).GetLogs(pod, &corev1.PodLogOptions{Container: container, Previous: true, TailLines: &lines}).DoRaw(ctx)
	if err != nil || len(raw) == 0 {
		return ""
	}
	return ": " + oneLine(string(raw))
}

// watcher keeps a local copy of one workload and the pods of its namespace.
type watcher struct {
	changed chan struct{} // has one token when something changed since the last look
	cancel  context.CancelFunc
	probe   catalog.RolloutProbe
	ns      string
	object  cache.Store
	sets    cache.Store // ReplicaSets
	pods    cache.Store
}

func (w *watcher) stop() { w.cancel() }

func (c *Cluster) watch(parent context.Context, namespace string, p catalog.RolloutProbe) (*watcher, error) {
	ctx, cancel := context.WithCancel(parent)
	w := &watcher{changed: make(chan struct{}, 1), cancel: cancel, probe: p, ns: namespace}
	factory := informers.NewSharedInformerFactoryWithOptions(c.Client, 0, informers.WithNamespace(namespace))
	var object cache.SharedIndexInformer
	switch p.Kind {
	case "Deployment":
		object = factory.Apps().V1().Deployments().Informer()
	case "StatefulSet":
		object = factory.Apps().V1().StatefulSets().Informer()
	case "DaemonSet":
		object = factory.Apps().V1().DaemonSets().Informer()
	default:
		cancel()
		return nil, fmt.Errorf("kind %q cannot be waited for, want Deployment, StatefulSet or DaemonSet", p.Kind)
	}
	sets := factory.Apps().V1().ReplicaSets().Informer()
	pods := factory.Core().V1().Pods().Informer()
	w.object, w.sets, w.pods = object.GetStore(), sets.GetStore(), pods.GetStore()
	notify := func() {
		select {
		case w.changed <- struct{}{}:
		default:
		}
	}
	for _, informer := range []cache.SharedIndexInformer{object, sets, pods} {
		if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc:    func(any) { notify() },
			UpdateFunc: func(any, any) { notify() },
			DeleteFunc: func(any) { notify() },
		}); err != nil {
			cancel()
			return nil, err
		}
	}
	factory.Start(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), object.HasSynced, sets.HasSynced, pods.HasSynced) {
		cancel()
		return nil, fmt.Errorf("the API server does not list it: %w", context.Cause(ctx))
	}
	return w, nil
}

// look reads the local copy: is it rolled out, in which state is it, and what
// holds its pods up, the workload's own cause first.
func (w *watcher) look() (done bool, state string, causes []Cause) {
	obj, found, err := w.object.GetByKey(w.ns + "/" + w.probe.Name)
	if err != nil || !found {
		return false, "not there yet", nil
	}
	result, err := compute(obj, w.probe.Kind)
	if err != nil {
		return false, err.Error(), nil
	}
	switch result.Status {
	case status.CurrentStatus:
		return true, "", nil
	case status.FailedStatus:
		causes = append(causes, Cause{Key: "workload", Text: oneLine(result.Message)})
	}
	selector, owner := w.current(obj)
	if d, ok := obj.(*appsv1.Deployment); ok {
		for _, c := range d.Status.Conditions {
			if c.Type == appsv1.DeploymentReplicaFailure && c.Status == corev1.ConditionTrue {
				causes = append(causes, Cause{Key: "replicas", Text: joinNonEmpty(c.Reason, oneLine(c.Message)), Patience: patienceConfig})
			}
		}
	}
	for _, o := range w.pods.List() {
		pod, ok := o.(*corev1.Pod)
		if !ok || pod.DeletionTimestamp != nil || !selector.Matches(labels.Set(pod.Labels)) || !owner(pod) {
			continue
		}
		if cause, ok := PodCause(pod); ok {
			causes = append(causes, cause)
		}
	}
	return false, result.Message, causes
}

func compute(obj any, kind string) (*status.Result, error) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
	if err != nil {
		return nil, err
	}
	u := &unstructured.Unstructured{Object: content}
	u.SetAPIVersion("apps/v1") // informers drop it, kstatus decides by it
	u.SetKind(kind)
	return status.Compute(u)
}

// current tells which pods are of the workload's newest template: those of an
// older one may crash as they like, they are about to go.
func (w *watcher) current(obj any) (labels.Selector, func(*corev1.Pod) bool) {
	all := func(*corev1.Pod) bool { return true }
	switch o := obj.(type) {
	case *appsv1.Deployment:
		revision := o.Annotations["deployment.kubernetes.io/revision"]
		for _, s := range w.sets.List() {
			rs, ok := s.(*appsv1.ReplicaSet)
			if ok && metav1.IsControlledBy(rs, o) && rs.Annotations["deployment.kubernetes.io/revision"] == revision {
				return selectorOf(o.Spec.Selector), func(p *corev1.Pod) bool { return metav1.IsControlledBy(p, rs) }
			}
		}
		return selectorOf(o.Spec.Selector), all
	case *appsv1.StatefulSet:
		return selectorOf(o.Spec.Selector), func(p *corev1.Pod) bool {
			return o.Status.UpdateRevision == "" || p.Labels[appsv1.ControllerRevisionHashLabelKey] == o.Status.UpdateRevision
		}
	case *appsv1.DaemonSet:
		return selectorOf(o.Spec.Selector), all
	}
	return labels.Nothing(), all
}

func selectorOf(s *metav1.LabelSelector) labels.Selector {
	selector, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		return labels.Nothing()
	}
	return selector
}
