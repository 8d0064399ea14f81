package cluster

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	dockernet "github.com/docker/docker/api/types/network"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	"sigs.k8s.io/kind/pkg/exec"
	"sigs.k8s.io/yaml"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/testkit/golden"
)

func TestConfig_Golden(t *testing.T) {
	got, err := yaml.Marshal(config(Settings{Image: "kindest/node:v1.34.4", ControlPlanes: 1, Workers: 2}))
	if err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "kind.yaml", string(got))
}

func TestSettings_OfTheComponentAreSound(t *testing.T) {
	cat, err := catalog.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	c, _ := cat.Component("kind")
	s, err := settings(c)
	if err != nil {
		t.Fatal(err)
	}
	if "docker.io/"+s.Image != c.Images[0] {
		t.Errorf("settings.image is %s, but images lists %s", s.Image, c.Images[0])
	}
}

func TestSettings_BadInput(t *testing.T) {
	for name, s := range map[string]map[string]any{
		"settings.image is empty":           {"control-planes": 1},
		"settings.control-planes is 0":      {"image": "a:1"},
		"settings.workers is 21, want 0 to": {"image": "a:1", "control-planes": 1, "workers": 21},
	} {
		_, err := settings(catalog.Component{Name: "kind", Settings: s})
		if exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

type network1 struct {
	inspector
	subnet string
	err    error
}

func (n network1) NetworkInspect(context.Context, string, dockernet.InspectOptions) (dockernet.Inspect, error) {
	return dockernet.Inspect{IPAM: dockernet.IPAM{Config: []dockernet.IPAMConfig{{Subnet: n.subnet}}}}, n.err
}

func TestCheckNetwork(t *testing.T) {
	values := map[string]string{"kind-net-subnet": "172.18.0.0/16"}
	for _, tt := range []struct {
		name string
		net  network1
		want string
	}{
		{"as wanted", network1{subnet: "172.18.0.0/16"}, ""},
		{"missing", network1{err: errdefs.ErrNotFound}, "does not exist: choose component kind-net"},
		{"another subnet", network1{subnet: "172.20.0.0/16"}, "has another subnet than 172.18.0.0/16"},
	} {
		err := checkNetwork(context.Background(), tt.net, values)
		if (err == nil) != (tt.want == "") || err != nil && (!strings.Contains(err.Error(), tt.want) || exit.Code(err) != exit.BadInput) {
			t.Errorf("%s: got %v", tt.name, err)
		}
	}
}

func node(name string, ready corev1.ConditionStatus, message string) *corev1.Node {
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Status: corev1.NodeStatus{Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: ready, Message: message}}}}
}

func TestAwaitNodes(t *testing.T) {
	quiet := func(string) {}
	if err := awaitNodes(context.Background(), fake.NewClientset(node("a", corev1.ConditionTrue, "")), 1, quiet); err != nil {
		t.Error(err)
	}
	client := fake.NewClientset(node("a", corev1.ConditionTrue, ""), node("b", corev1.ConditionFalse, "cni plugin not initialized"))
	ctx, cancel := context.WithCancel(context.Background())
	err := awaitNodes(ctx, client, 3, func(string) { cancel() })
	if err == nil || !strings.Contains(err.Error(), "1 of 3 nodes Ready; b: cni plugin not initialized (context canceled)") {
		t.Errorf("got %v", err)
	}
}

func TestKubeletCause(t *testing.T) {
	for _, tt := range []struct{ name, log, want string }{
		{"cgroup v1", `I1123 02:00:00.000001     200 server.go:1] "Starting"
E1123 02:00:01.000001     200 run.go:72] "command failed" err="failed to run Kubelet: kubelet is configured to not run on a host using cgroup v1"
`, "kubelet: failed to run Kubelet: kubelet is configured to not run on a host using cgroup v1"},
		{"sandbox", `E1123 02:00:01.1     2 kuberuntime_manager.go:1] "CreatePodSandbox for pod failed" err="rpc error: runc create failed: \"EOF\"" pod="kube-system/etcd"`,
			`kubelet: rpc error: runc create failed: "EOF`},
		{"nothing fatal", "I1123 ok\n", ""},
	} {
		if got := kubeletCause(tt.log); !strings.HasPrefix(got, tt.want) || (tt.want == "") != (got == "") {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestPlain_TellsWhatTheCommandPrinted(t *testing.T) {
	err := plain(&exec.RunError{Command: []string{"docker", "run"}, Output: []byte("docker: Error response from daemon: port is already allocated.\n"), Inner: errors.New("exit status 125")})
	if !strings.HasSuffix(err.Error(), ": docker: Error response from daemon: port is already allocated.") {
		t.Errorf("got %v", err)
	}
}

func TestLogger_StepsAreProgress(t *testing.T) {
	var steps []string
	l := logger{engine.Env{Progress: func(s string) { steps = append(steps, s) }, Log: slog.New(slog.DiscardHandler)}}
	l.V(0).Infof("Creating cluster %q ...\n", "lab")
	l.V(0).Infof(" • %s  ...\n", "Preparing nodes 📦 📦 📦 ")
	l.V(0).Infof(" ✓ %s\n", "Preparing nodes 📦 📦 📦 ")
	l.V(0).Infof(" • %s  ...\n", "Starting control-plane 🕹️")
	l.V(1).Info("detail")
	l.Warn("cgroup v1")
	if want := []string{"preparing nodes", "starting control-plane"}; !slices.Equal(steps, want) {
		t.Errorf("got %q, want %q", steps, want)
	}
}

func TestAwait_AnswersAnInterruptAtOnce(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	block := make(chan struct{})
	defer close(block)
	k := &kind{}
	if err := k.await(ctx, func() error { <-block; return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestMarker_SaysHalfMade(t *testing.T) {
	k := newKind(engine.Env{Name: "lab", StateDir: filepath.Join(t.TempDir(), "new"), Log: slog.New(slog.DiscardHandler), Progress: func(string) {}})
	if k.halfMade() {
		t.Error("half made before it began")
	}
	if err := k.begun(); err != nil || !k.halfMade() {
		t.Errorf("begun: %v", err)
	}
	if err := k.finished(); err != nil || k.halfMade() {
		t.Errorf("finished: %v", err)
	}
	if err := k.finished(); err != nil {
		t.Errorf("finished twice: %v", err)
	}
}
