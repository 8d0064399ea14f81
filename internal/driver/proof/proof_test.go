package proof

import (
	"context"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/speak"
)

const password = "hunter2-hunter2"

var components = []catalog.Component{
	{Name: "db", Tier: "docker", Driver: "compose", Expose: []catalog.Endpoint{
		{Name: "redis", Protocol: catalog.Redis, Hosts: []string{"redis-1", "redis-2"}, Port: 6379, Clustered: true, Secrets: map[string]string{"password": "redis-password"}},
		{Name: "s3", Protocol: catalog.S3, Hosts: []string{"s3"}, Port: 9000},
	}},
	{Name: "prometheus", Tier: "cluster", Driver: "helm", Expose: []catalog.Endpoint{{Name: "prometheus", Hosts: []string{"prometheus"}}}},
	{Name: "infra-bridge", Tier: "bridge", Driver: "bridge"},
	{Name: "external-services", Tier: "bridge", Driver: "endpoints", Namespace: "platform", Settings: map[string]any{"zone": "infra.local"}},
}

func answered(ways []way, faults map[string]string) []speak.Answer {
	var all []speak.Answer
	for _, t := range targets(ways) {
		a := speak.Answer{Endpoint: t.Endpoint, Name: t.Name, Address: "172.19.0.2:6379", Took: 1500 * time.Microsecond, Said: "fine"}
		if fault := faults[t.Name]; fault != "" {
			a.Said, a.Address, a.Fault = "", "", fault
		}
		all = append(all, a)
	}
	return all
}

func TestJudge_NamesTheHostThatDoesNotAnswer(t *testing.T) {
	ways := waysTo(components, nil)
	said := ""
	progress := func(s string) { said = s }
	back := &speak.Answer{Endpoint: "node port", Name: "lab-control-plane", Address: "172.19.0.9:30123", Took: time.Millisecond, Said: "200"}
	if err := judge(ways, answered(ways, nil), back, progress); err != nil || said != "3 hosts answer a pod by every name, the slowest redis-1 in 1.5 ms" {
		t.Errorf("got %v, %q", err, said)
	}
	for _, tt := range []struct {
		faults map[string]string
		back   string
		want   string
	}{
		{map[string]string{"redis-2": "the name redis-2 is unknown", "redis-2.infra.local": "x"}, "", "endpoint redis does not answer a pod at redis-2: the name redis-2 is unknown"},
		{map[string]string{"redis-1-external.platform.svc.cluster.local": "no answer", "s3": "500"}, "", "endpoint redis does not answer a pod at redis-1-external.platform.svc.cluster.local: no answer (and 1 more)"},
		{nil, "connection refused", "a container of the data tier does not reach the cluster at node lab-control-plane: connection refused"},
	} {
		back.Fault = tt.back
		if err := judge(ways, answered(ways, tt.faults), back, progress); err == nil || err.Error() != tt.want {
			t.Errorf("got %v\nwant %s", err, tt.want)
		}
	}
}

func TestTable_HasALineForEachHost(t *testing.T) {
	ways := waysTo(components, nil)
	back := &speak.Answer{Endpoint: "node port", Name: "lab-control-plane", Address: "172.19.0.9:30123", Took: 2 * time.Millisecond, Said: "200"}
	got := table("bridge-proof", ways, answered(ways, map[string]string{"redis-2.infra.local": "unknown"}), back)
	want := [][]string{
		{"redis", "redis-1", "172.19.0.2:6379", "1.5 ms", "1.5 ms", "1.5 ms", "fine"},
		{"redis", "redis-2", "172.19.0.2:6379", "1.5 ms", "✗", "1.5 ms", "unknown"},
		{"s3", "s3", "172.19.0.2:6379", "1.5 ms", "1.5 ms", "1.5 ms", "fine"},
		{"node port, from a container", "lab-control-plane", "172.19.0.9:30123", "2.0 ms", "", "", "200"},
	}
	if !reflect.DeepEqual(got.Rows, want) {
		t.Errorf("got %q", got.Rows)
	}
}

func example(t *testing.T) run {
	t.Helper()
	all := targets(waysTo(components, map[string]string{"redis-password": password}))
	text, err := speak.Pack(all)
	if err != nil {
		t.Fatal(err)
	}
	return run{
		name: "bridge-proof-abcd1234", namespace: "apps", image: "hyaction.local/hyaction:0", node: "lab-worker",
		platform: "lab", targets: text, count: len(all), progress: func(string) {},
	}
}

// ending makes every pod that is created end in the phase.
func ending(phase corev1.PodPhase) *fake.Clientset {
	client := fake.NewClientset()
	client.PrependReactor("create", "pods", func(a clienttesting.Action) (bool, runtime.Object, error) {
		p := a.(clienttesting.CreateAction).GetObject().(*corev1.Pod)
		p.Status.Phase = phase
		return false, nil, nil
	})
	return client
}

func left(t *testing.T, client *fake.Clientset) int {
	t.Helper()
	ctx, all := context.Background(), metav1.ListOptions{}
	pods, err := client.CoreV1().Pods("apps").List(ctx, all)
	if err != nil {
		t.Fatal(err)
	}
	secrets, err := client.CoreV1().Secrets("apps").List(ctx, all)
	if err != nil {
		t.Fatal(err)
	}
	services, err := client.CoreV1().Services("apps").List(ctx, all)
	if err != nil {
		t.Fatal(err)
	}
	return len(pods.Items) + len(secrets.Items) + len(services.Items)
}

func TestExecute_LeavesNothingHoweverItEnds(t *testing.T) {
	for phase, want := range map[corev1.PodPhase]string{
		corev1.PodSucceeded: "the proof gave no answers: fake logs", // what the fake clientset answers
		corev1.PodFailed:    "pod apps/bridge-proof-abcd1234 failed: fake logs",
		corev1.PodPending:   "phase Pending",
	} {
		synctest.Test(t, func(t *testing.T) { // the time ends only when all has been looked at
			client := ending(phase)
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			_, _, err := example(t).execute(ctx, client, nil)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want %q", phase, err, want)
			}
			if n := left(t, client); n != 0 {
				t.Errorf("%s: %d objects are left", phase, n)
			}
		})
	}
}

func TestPod_HoldsNoSecretAndKeepsRestricted(t *testing.T) {
	r := example(t)
	pod := r.pod(true)
	text, err := json.Marshal([]any{pod, r.service()})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(r.targets), password) || strings.Contains(string(text), password) {
		t.Error("the password stands in the pod, or not in the Secret")
	}
	c := pod.Spec.Containers[0]
	s, p := c.SecurityContext, pod.Spec.SecurityContext
	if *s.AllowPrivilegeEscalation || s.Capabilities.Drop[0] != "ALL" || !*p.RunAsNonRoot || p.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
		t.Errorf("security contexts %v, %v", p, s)
	}
	if got := pod.Spec.Volumes[0].Secret; got.SecretName != r.name || c.VolumeMounts[0].Name != pod.Spec.Volumes[0].Name || c.VolumeMounts[0].MountPath != "/run/hyaction" {
		t.Errorf("the targets come from %v", got)
	}
	if got := strings.Join(c.Command, " "); got != "/hyaction probe --targets=/run/hyaction/targets.json --listen=:8080" {
		t.Errorf("it runs %q", got)
	}
	if sel := r.service().Spec.Selector; sel[proofLabel] != pod.Labels[proofLabel] || pod.Spec.NodeSelector[corev1.LabelHostname] != "lab-worker" {
		t.Errorf("selectors %v, %v", sel, pod.Spec.NodeSelector)
	}
}

func TestRead(t *testing.T) {
	if got, err := read("a word on stderr\n"+`[{"endpoint":"a"},{"endpoint":"b"}]`+"\n", 2); err != nil || got[1].Endpoint != "b" {
		t.Errorf("got %v, %v", got, err)
	}
	for out, want := range map[string]string{"": "it printed nothing", "[]": "[]", "x\npanic: out of memory\n": "panic: out of memory"} {
		if _, err := read(out, 2); err == nil || err.Error() != "the proof gave no answers: "+want {
			t.Errorf("%q: got %v", out, err)
		}
	}
}

func TestPreflight_ElsewhereAnImageIsNeeded(t *testing.T) {
	c := catalog.Component{Name: "bridge-proof", Namespace: "apps", Driver: "proof", Settings: map[string]any{"network": "infra_net", "image": ""}}
	env := engine.Env{Components: components, Progress: func(string) {}}
	err := new(Driver).Preflight(context.Background(), []catalog.Component{c}, env)
	if exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), "proof-image is empty") {
		t.Errorf("got %v", err)
	}
	ours := env
	ours.Components = append([]catalog.Component{{Name: "kind", Driver: "cluster"}}, components...)
	none := env
	none.Components = components[1:2]
	named := c
	named.Settings = map[string]any{"network": "infra_net", "image": "registry.example/hyaction:v1"}
	for what, err := range map[string]error{
		"on nodes of our own":  new(Driver).Preflight(context.Background(), []catalog.Component{c}, ours),
		"with nothing exposed": new(Driver).Preflight(context.Background(), []catalog.Component{c}, none),
		"with an image":        new(Driver).Preflight(context.Background(), []catalog.Component{named}, env),
	} {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	outcome, err := new(Driver).Apply(context.Background(), c, none)
	if err != nil || outcome != engine.Checked {
		t.Errorf("with nothing to prove: %s, %v", outcome, err)
	}
}
