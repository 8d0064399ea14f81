package rollout

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"
)

// ofRevision selects the pods and runs of the wanted revision.
func ofRevision(s State) metav1.ListOptions {
	return metav1.ListOptions{LabelSelector: "rollouts-pod-template-hash=" + s.Status.PodHash}
}

// Ailing tells of a pod of the wanted revision that cannot start, and by nil that
// there is none any more, until its watch or the context ends. It is one request,
// however long that takes and however many steps the Rollout has.
func (c *Cluster) Ailing(ctx context.Context, s State, out chan<- *Trouble) error {
	options, long := ofRevision(s), watchTime
	options.TimeoutSeconds = &long
	w, err := c.dynamic.Resource(pods).Namespace(s.Namespace).Watch(ctx, options)
	if err != nil {
		return fmt.Errorf("watch pods in %s: %w", s.Namespace, err)
	}
	defer w.Stop()
	ill, told := map[string]*Trouble{}, "" // by the pod's name
	for event := range w.ResultChan() {    // closed when the context ends
		if event.Type == watch.Error {
			return fmt.Errorf("watch pods in %s: %w", s.Namespace, apierrors.FromObject(event.Object))
		}
		o, ok := event.Object.(*unstructured.Unstructured)
		if !ok {
			continue
		}
		delete(ill, o.GetName())
		if t, found := FindTrouble(o.Object); found && event.Type != watch.Deleted {
			ill[o.GetName()] = &t
		}
		var first *Trouble
		reason := ""
		for _, name := range slices.Sorted(maps.Keys(ill)) {
			first, reason = ill[name], ill[name].Reason
			break
		}
		if reason == told {
			continue
		}
		told = reason
		select {
		case out <- first:
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

// Trouble looks for a pod of the wanted revision that cannot start; nil when
// there is none.
func (c *Cluster) Trouble(ctx context.Context, s State) (*Trouble, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	found, err := c.dynamic.Resource(pods).Namespace(s.Namespace).List(ctx, ofRevision(s))
	if err != nil {
		return nil, fmt.Errorf("list pods in %s: %w", s.Namespace, err)
	}
	for _, item := range found.Items {
		if t, ok := FindTrouble(item.Object); ok {
			if t.Words == "" && t.Reason == "crash_loop" {
				t.Words = c.lastLog(ctx, s.Namespace, t)
			}
			if words := LastWords(t.Words); words != "" {
				t.Message += ", its last words: " + words
			}
			return &t, nil
		}
	}
	return nil, nil
}

// lastLog is the end of what a crashed container wrote. Permission to read logs
// is a help, not a need: without it there are no last words.
func (c *Cluster) lastLog(ctx context.Context, namespace string, t Trouble) string {
	lines, limit := int64(5), int64(4096)
	text, err := c.core.Pods(namespace).GetLogs(t.Pod, &corev1.PodLogOptions{Container: t.Container, Previous: !t.ended, TailLines: &lines, LimitBytes: &limit}).DoRaw(ctx)
	if err != nil {
		c.log("read the log of a crashed container", "error", err)
		return ""
	}
	if bytes.HasPrefix(text, []byte("unable to retrieve container logs")) { // the kubelet's words, not the container's
		return ""
	}
	return string(text)
}
