package diag

import (
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

func TestCollect_TellsOfNodesPodsEventsAndTrouble(t *testing.T) {
	pod := func(name string, ready bool, restarts int32) *corev1.Pod {
		return &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: "apps", Name: name},
			Spec:       corev1.PodSpec{NodeName: "n1", Containers: []corev1.Container{{Name: "c"}}},
			Status: corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{
				{Name: "c", ContainerID: "containerd://1", Ready: ready, RestartCount: restarts},
			}},
		}
	}
	event := func(reason string, at int64) *corev1.Event {
		return &corev1.Event{
			ObjectMeta:     metav1.ObjectMeta{Namespace: "apps", Name: reason},
			InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: "apps", Name: "bad"},
			Reason:         reason, Message: "two\nlines", LastTimestamp: metav1.NewTime(time.Unix(at, 0)),
		}
	}
	client := fake.NewClientset(
		&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1"}, Status: corev1.NodeStatus{Conditions: []corev1.NodeCondition{
			{Type: corev1.NodeReady, Status: corev1.ConditionFalse, Message: "cni plugin not initialized"},
		}}},
		pod("good", true, 0), pod("bad", false, 2), event("Second", 200), event("First", 100),
	)
	files := map[string]string{}
	if err := collect(t.Context(), client, nil, func(name, text string) { files[name] = text }); err != nil {
		t.Fatal(err)
	}
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	if want := []string{"apps.bad.c.before.log", "apps.bad.c.log", "apps.bad.yaml", "events.txt", "nodes.txt", "pods.txt", "workloads.txt"}; !slices.Equal(names, want) {
		t.Errorf("files %v, want %v", names, want)
	}
	for name, want := range map[string]string{
		"apps.bad.yaml": "restartCount: 2",
		"nodes.txt":     "not Ready: cni plugin not initialized",
		"pods.txt":      "apps       bad   Running  0/1    2         n1",
		"events.txt":    "pod apps/bad  Second  two lines",
	} {
		if !strings.Contains(files[name], want) {
			t.Errorf("%s lacks %q:\n%s", name, want, files[name])
		}
	}
	if e := files["events.txt"]; strings.Index(e, "First") > strings.Index(e, "Second") {
		t.Errorf("events are not in order of time:\n%s", e)
	}
}

// Of a cluster that others use too, only the platform's namespaces are read.
func TestCollect_LeavesOthersAlone(t *testing.T) {
	client := fake.NewClientset(
		&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "apps", Name: "ours"}},
		&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "payroll", Name: "theirs"}},
	)
	if err := collect(t.Context(), client, []string{"apps"}, func(name, text string) {
		if strings.Contains(name+text, "theirs") {
			t.Errorf("%s tells of a pod of somebody else:\n%s", name, text)
		}
	}); err != nil {
		t.Fatal(err)
	}
}

// A Secret is not even asked for: what is not read cannot be written.
func TestCollect_NeverReadsSecrets(t *testing.T) {
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "apps", Name: "db"}, Data: map[string][]byte{"password": []byte("hunter2")}}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "apps", Name: "bad"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{
		Name: "c", EnvFrom: []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "db"}}}},
	}}}}
	client := fake.NewClientset(secret, pod)
	for _, namespaces := range [][]string{nil, {"apps", "kube-system"}} {
		if err := collect(t.Context(), client, namespaces, func(name, text string) {
			if strings.Contains(text, "hunter2") || strings.Contains(text, "aHVudGVyMg") {
				t.Errorf("%s shows what is in a Secret:\n%s", name, text)
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	if len(client.Actions()) < 8 {
		t.Errorf("only %d questions were seen", len(client.Actions()))
	}
	for _, a := range client.Actions() {
		if a.GetResource().Resource == "secrets" {
			t.Errorf("it asks for Secrets: %s %s", a.GetVerb(), a.GetNamespace())
		}
	}
}
