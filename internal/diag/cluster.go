package diag

import (
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
	"sigs.k8s.io/yaml"

	"github.com/buenhyden/hy-home/internal/apply"
)

// logLines of a container's log: its last words, not its life.
const logLines = 300

// Kubernetes asks the cluster of a kubeconfig about itself: its pods, events,
// workloads and nodes, and the logs and descriptions of the pods that are in
// trouble and of the cluster's DNS, on which everything else depends. Of a
// cluster that is shared with others, namespaces says which to look at.
func Kubernetes(kubeconfig string, namespaces ...string) Source {
	return Source{"cluster", func(ctx context.Context, write func(name, text string)) error {
		cfg, err := apply.Load(kubeconfig)
		if err != nil {
			return err
		}
		cfg.Timeout = answerTimeout
		client, err := kubernetes.NewForConfig(cfg)
		if err != nil {
			return fmt.Errorf("kubernetes client: %w", err)
		}
		return collect(ctx, client, namespaces, write)
	}}
}

// answerTimeout bounds one question: an API server that is gone answers nothing.
const answerTimeout = 5 * time.Second

func collect(ctx context.Context, client kubernetes.Interface, namespaces []string, write func(name, text string)) error {
	if len(namespaces) == 0 {
		namespaces = []string{metav1.NamespaceAll}
	}
	var pods []corev1.Pod
	var events []corev1.Event
	for i, ns := range namespaces {
		list, err := client.CoreV1().Pods(ns).List(ctx, metav1.ListOptions{})
		if err != nil && i == 0 {
			return fmt.Errorf("list the pods: %w", err) // no API, nothing to be had
		}
		if err == nil {
			pods = append(pods, list.Items...)
		}
		if list, err := client.CoreV1().Events(ns).List(ctx, metav1.ListOptions{}); err == nil {
			events = append(events, list.Items...)
		}
	}
	write("pods.txt", table("NAMESPACE\tNAME\tPHASE\tREADY\tRESTARTS\tNODE\tIP", pods, podLine))
	slices.SortStableFunc(events, func(a, b corev1.Event) int { return when(a).Compare(when(b)) })
	write("events.txt", table("TIME\tTYPE\tOBJECT\tREASON\tMESSAGE", events, eventLine))
	var faults []error
	for _, p := range pods {
		if trouble(p) {
			faults = append(faults, logs(ctx, client, p, write))
			text, err := describe(p)
			faults = append(faults, err)
			write(p.Namespace+"."+p.Name+".yaml", text)
		} else if p.Labels["k8s-app"] == "kube-dns" {
			faults = append(faults, logs(ctx, client, p, write))
		}
	}
	lines, err := workloads(ctx, client, namespaces)
	faults = append(faults, err)
	write("workloads.txt", table("KIND\tNAMESPACE\tNAME\tREADY", lines, func(line string) string { return line }))
	nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	faults = append(faults, err)
	if err == nil {
		write("nodes.txt", table("NAME\tVERSION\tTRUE CONDITIONS", nodes.Items, nodeLine))
	}
	return errors.Join(faults...)
}

// nodeLine tells a node's conditions: one that is not Ready says why, and one
// that is may still be short of memory or disk.
func nodeLine(n corev1.Node) string {
	var conditions []string
	for _, c := range n.Status.Conditions {
		switch {
		case c.Type == corev1.NodeReady && c.Status != corev1.ConditionTrue:
			conditions = append(conditions, "not Ready: "+strings.Join(strings.Fields(c.Message), " "))
		case c.Status == corev1.ConditionTrue:
			conditions = append(conditions, string(c.Type))
		}
	}
	return n.Name + "\t" + n.Status.NodeInfo.KubeletVersion + "\t" + strings.Join(conditions, ", ")
}

func eventLine(e corev1.Event) string {
	object := strings.ToLower(e.InvolvedObject.Kind) + " " + e.InvolvedObject.Namespace + "/" + e.InvolvedObject.Name
	return strings.Join([]string{when(e).UTC().Format(time.TimeOnly), e.Type, object, e.Reason, strings.Join(strings.Fields(e.Message), " ")}, "\t")
}

// describe is the pod as the API server has it, without who wrote which field.
func describe(p corev1.Pod) (string, error) {
	p.ManagedFields = nil
	text, err := yaml.Marshal(p)
	return string(text), err
}

// workloads are lines of how many pods each has of those that it wants.
func workloads(ctx context.Context, client kubernetes.Interface, namespaces []string) ([]string, error) {
	var lines []string
	var faults []error
	line := func(kind, namespace, name string, ready, want int32) {
		lines = append(lines, fmt.Sprintf("%s\t%s\t%s\t%d/%d", kind, namespace, name, ready, want))
	}
	one := func(n *int32) int32 {
		if n == nil {
			return 1
		}
		return *n
	}
	for _, ns := range namespaces {
		deployments, err := client.AppsV1().Deployments(ns).List(ctx, metav1.ListOptions{})
		faults = append(faults, err)
		if err == nil {
			for _, d := range deployments.Items {
				line("Deployment", d.Namespace, d.Name, d.Status.ReadyReplicas, one(d.Spec.Replicas))
			}
		}
		sets, err := client.AppsV1().StatefulSets(ns).List(ctx, metav1.ListOptions{})
		faults = append(faults, err)
		if err == nil {
			for _, s := range sets.Items {
				line("StatefulSet", s.Namespace, s.Name, s.Status.ReadyReplicas, one(s.Spec.Replicas))
			}
		}
		daemons, err := client.AppsV1().DaemonSets(ns).List(ctx, metav1.ListOptions{})
		faults = append(faults, err)
		if err == nil {
			for _, d := range daemons.Items {
				line("DaemonSet", d.Namespace, d.Name, d.Status.NumberReady, d.Status.DesiredNumberScheduled)
			}
		}
		jobs, err := client.BatchV1().Jobs(ns).List(ctx, metav1.ListOptions{})
		faults = append(faults, err)
		if err == nil {
			for _, j := range jobs.Items {
				line("Job", j.Namespace, j.Name, j.Status.Succeeded, one(j.Spec.Completions))
			}
		}
	}
	return lines, errors.Join(faults...)
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
	lines := int64(logLines)
	for _, s := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
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
