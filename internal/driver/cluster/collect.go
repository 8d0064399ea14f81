package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/buenhyden/hy-home/internal/apply"
	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
)

// evidenceLines of a container's log: its last words, not its life.
const evidenceLines = 200

// Collect hands over what the cluster says of itself: its nodes, its pods, its
// events in order of time, and the logs of pods that are in trouble and of the
// cluster's DNS, on which everything else depends.
func (d Driver) Collect(ctx context.Context, _ catalog.Component, env engine.Env, write func(name, text string)) error {
	cfg, err := apply.Load(env.Kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return fmt.Errorf("kubernetes client: %w", err)
	}
	return collect(ctx, client, write)
}

func collect(ctx context.Context, client kubernetes.Interface, write func(name, text string)) error {
	nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("list the nodes: %w", err) // no API, no evidence
	}
	write("nodes.txt", table("NAME\tREADY\tVERSION", nodes.Items, func(n corev1.Node) string {
		_, why := countReady([]corev1.Node{n})
		return n.Name + "\t" + cmp.Or(strings.TrimPrefix(why, "; "), "True") + "\t" + n.Status.NodeInfo.KubeletVersion
	}))
	var faults []error
	pods, err := client.CoreV1().Pods(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
	faults = append(faults, err)
	if err == nil {
		write("pods.txt", table("NAMESPACE\tNAME\tPHASE\tREADY\tRESTARTS\tNODE\tIP", pods.Items, podLine))
		for _, p := range pods.Items {
			if trouble(p) || p.Labels["k8s-app"] == "kube-dns" {
				faults = append(faults, logs(ctx, client, p, write))
			}
		}
	}
	events, err := client.CoreV1().Events(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
	faults = append(faults, err)
	if err == nil {
		slices.SortStableFunc(events.Items, func(a, b corev1.Event) int { return when(a).Compare(when(b)) })
		write("events.txt", table("TIME\tTYPE\tOBJECT\tREASON\tMESSAGE", events.Items, func(e corev1.Event) string {
			object := strings.ToLower(e.InvolvedObject.Kind) + " " + e.InvolvedObject.Namespace + "/" + e.InvolvedObject.Name
			return strings.Join([]string{when(e).UTC().Format(time.TimeOnly), e.Type, object, e.Reason, strings.Join(strings.Fields(e.Message), " ")}, "\t")
		}))
	}
	return errors.Join(faults...)
}

// table lines items up under a header.
func table[T any](header string, items []T, line func(T) string) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, header)
	for _, item := range items {
		fmt.Fprintln(w, line(item))
	}
	_ = w.Flush() // a strings.Builder takes everything
	return b.String()
}

func podLine(p corev1.Pod) string {
	ready, restarts := 0, int32(0)
	for _, s := range p.Status.ContainerStatuses {
		restarts += s.RestartCount
		if s.Ready {
			ready++
		}
	}
	return fmt.Sprintf("%s\t%s\t%s\t%d/%d\t%d\t%s\t%s", p.Namespace, p.Name, p.Status.Phase, ready, len(p.Spec.Containers), restarts, p.Spec.NodeName, p.Status.PodIP)
}

// trouble reports a pod that is not ready though it should be, or was started again.
func trouble(p corev1.Pod) bool {
	if p.Status.Phase == corev1.PodSucceeded {
		return false
	}
	return len(p.Status.ContainerStatuses) == 0 || slices.ContainsFunc(p.Status.ContainerStatuses, func(s corev1.ContainerStatus) bool {
		return !s.Ready || s.RestartCount > 0
	})
}

// logs writes the end of the log of each container that was ever started, and
// of its run before if it was started again.
func logs(ctx context.Context, client kubernetes.Interface, p corev1.Pod, write func(name, text string)) error {
	var faults []error
	lines := int64(evidenceLines)
	for _, s := range p.Status.ContainerStatuses {
		for _, before := range []bool{false, true} {
			if s.ContainerID == "" || before && s.RestartCount == 0 {
				continue
			}
			text, err := client.CoreV1().Pods(p.Namespace).GetLogs(p.Name, &corev1.PodLogOptions{Container: s.Name, Previous: before, TailLines: &lines, Timestamps: true}).DoRaw(ctx)
			if err != nil {
				faults = append(faults, fmt.Errorf("log of container %s of pod %s/%s: %w", s.Name, p.Namespace, p.Name, err))
				continue
			}
			name := p.Namespace + "." + p.Name + "." + s.Name
			if before {
				name += ".before"
			}
			write(name+".log", string(text))
		}
	}
	return errors.Join(faults...)
}

// when is the last time an event happened; which field says so depends on who wrote it.
func when(e corev1.Event) time.Time {
	for _, t := range []time.Time{e.LastTimestamp.Time, e.EventTime.Time, e.CreationTimestamp.Time} {
		if !t.IsZero() {
			return t
		}
	}
	return time.Time{}
}
