package ready

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func waiting(reason, message string) corev1.ContainerStatus {
	return corev1.ContainerStatus{Name: "main", Image: "quay.io/x/y:v1", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}}
}

func pod(s ...corev1.ContainerStatus) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "loki-0"}, Status: corev1.PodStatus{ContainerStatuses: s}}
}

func TestPodCause(t *testing.T) {
	crash := waiting("CrashLoopBackOff", "back-off 10s restarting failed container")
	crash.RestartCount = 3
	crash.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{ExitCode: 137, Reason: "OOMKilled"}
	early := crash
	early.RestartCount = 1
	unschedulable := pod()
	unschedulable.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable", Message: "0/3 nodes are available:\n3 Insufficient memory. preemption: not helpful."}}
	evicted := pod()
	evicted.Status.Phase, evicted.Status.Reason, evicted.Status.Message = corev1.PodFailed, "Evicted", "low on memory"

	for _, tt := range []struct {
		name     string
		pod      *corev1.Pod
		text     string
		patience time.Duration
	}{
		{"on the way", pod(waiting("ContainerCreating", "")), "", 0},
		{"no such image", pod(waiting("ErrImagePull", `rpc error: code = NotFound desc = failed to pull and unpack image "quay.io/x/y:v1": quay.io/x/y:v1: not found`)),
			"loki-0: ErrImagePull: quay.io/x/y:v1: not found", patienceImage},
		{"registry is away", pod(waiting("ImagePullBackOff", `Back-off pulling image "quay.io/x/y:v1"`)),
			`loki-0: ImagePullBackOff: Back-off pulling image "quay.io/x/y:v1"`, patienceNetwork},
		{"registry is unknown", pod(waiting("ImagePullBackOff", `Back-off pulling image "quay.io/x/y:v1": ErrImagePull: failed to pull and unpack image "quay.io/x/y:v1": failed to resolve reference "quay.io/x/y:v1": failed to do request: Head "https://quay.io/v2/x/y/manifests/v1": dial tcp: lookup quay.io on 172.18.0.1:53: no such host`)),
			`loki-0: ImagePullBackOff: quay.io/x/y:v1: DNS knows no host quay.io: is the name right?`, patienceImage},
		{"registry cannot be looked up", pod(waiting("ErrImagePull", `failed to pull and unpack image "quay.io/x/y:v1": failed to resolve reference "quay.io/x/y:v1": failed to do request: Head "https://quay.io/v2/x/y/manifests/v1": dial tcp: lookup quay.io on 172.18.0.1:53: server misbehaving`)),
			`loki-0: ErrImagePull: quay.io/x/y:v1: Head "https://quay.io/v2/x/y/manifests/v1": dial tcp: lookup quay.io on 172.18.0.1:53: server misbehaving`, patienceNetwork},
		{"the node's disk is full", pod(waiting("ErrImagePull", `failed to pull and unpack image "quay.io/x/y:v1": failed to extract layer sha256:6a7d: write /var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/7/fs/usr/bin/x: no space left on device: unknown`)),
			"loki-0: ErrImagePull: quay.io/x/y:v1: on its node: write /var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/7/fs/usr/bin/x: no space left on device", patienceFinal},
		{"crashes for good", pod(crash), "loki-0: CrashLoopBackOff: container main exited with 137 (OOMKilled)", patienceFinal},
		{"crashed once", pod(early), "loki-0: CrashLoopBackOff: container main exited with 137 (OOMKilled)", patienceCrash},
		{"no such secret", pod(waiting("CreateContainerConfigError", `secret "a" not found`)), `loki-0: CreateContainerConfigError: secret "a" not found`, patienceConfig},
		{"no room", unschedulable, "loki-0: FailedScheduling: 0/3 nodes are available: 3 Insufficient memory", patienceRoom},
		{"evicted", evicted, "loki-0: Evicted: low on memory", patienceRoom},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cause, ok := PodCause(tt.pod)
			if ok != (tt.text != "") || cause.Text != tt.text || cause.Patience != tt.patience {
				t.Errorf("got %v %q after %s, want %q after %s", ok, cause.Text, cause.Patience, tt.text, tt.patience)
			}
		})
	}
}

func TestOverdue_PatienceRunsFromTheFirstSight(t *testing.T) {
	since := map[string]time.Time{}
	t0 := time.Unix(1000, 0)
	pull := Cause{Key: "a/image", Text: "a: ErrImagePull", Patience: 10 * time.Second}
	if final, next := overdue([]Cause{pull}, since, t0); final != nil || next != 10*time.Second {
		t.Errorf("first sight: %v, next look in %s", final, next)
	}
	pull.Text = "a: ImagePullBackOff" // the kubelet alternates between the two
	if final, next := overdue([]Cause{pull}, since, t0.Add(6*time.Second)); final != nil || next != 4*time.Second {
		t.Errorf("after 6 s: %v, next look in %s", final, next)
	}
	if final, _ := overdue([]Cause{pull}, since, t0.Add(10*time.Second)); final == nil {
		t.Error("after 10 s it is not final")
	}
	overdue(nil, since, t0.Add(11*time.Second))
	if len(since) != 0 {
		t.Error("a cause that has gone is remembered")
	}
}
