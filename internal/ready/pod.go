package ready

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Ended waits until a pod that runs once has succeeded or failed, and returns
// it. What keeps it from starting is an error with its cause, as for workloads.
// It polls: such a pod lives for seconds, and one object is a small answer.
func (c *Cluster) Ended(ctx context.Context, namespace, name string, progress func(string)) (*corev1.Pod, error) {
	what := "pod " + namespace + "/" + name
	ticker := time.NewTicker(pollInterval)
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
				if final, _ := judge([]Cause{cause}, since, time.Now()); final != nil {
					return nil, fmt.Errorf("%s does not start: %s", what, final.Text)
				}
			}
		}
		select {
		case <-ctx.Done():
			return nil, notReady(what, last, ctx.Err())
		case <-ticker.C:
		}
	}
}
