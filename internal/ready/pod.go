package ready

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// podInterval is between two looks at such a pod.
const podInterval = 250 * time.Millisecond

// Ended waits until a pod that runs once has succeeded or failed, and returns
// it. What keeps it from starting is an error with its cause, as for workloads.
// It polls: such a pod lives for seconds, and one object is a small answer.
func (c *Cluster) Ended(ctx context.Context, namespace, name string, progress func(string)) (*corev1.Pod, error) {
	what := "pod " + namespace + "/" + name
	ticker := time.NewTicker(podInterval)
	defer ticker.Stop()
	since := map[string]time.Time{}
	last := errors.New("not there yet")
	told := corev1.PodPhase("")
	for {
		pod, err := c.Client.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
		switch {
		case err != nil && ctx.Err() == nil:
			return nil, fmt.Errorf("%s: %w", what, err)
		case err == nil:
			if pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
				return pod, nil
			}
			if pod.Status.Phase != told {
				told = pod.Status.Phase
				progress(fmt.Sprintf("%s is %s", what, told))
			}
			last = fmt.Errorf("phase %s", pod.Status.Phase)
			if cause, ok := PodCause(pod); ok {
				last = errors.New(cause.Text)
				if final, _ := overdue([]Cause{cause}, since, time.Now()); final != nil {
					return nil, fmt.Errorf("%s does not start: %s", what, final.Text)
				}
			}
		}
		select {
		case <-ctx.Done():
			return nil, lateAt(ctx, what, last)
		case <-ticker.C:
		}
	}
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
