package e2e

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/kind/pkg/cluster"

	infratemplate "github.com/buenhyden/hy-home/infra-template"
	"github.com/buenhyden/hy-home/internal/action/canarygate"
	"github.com/buenhyden/hy-home/internal/apply"
	"github.com/buenhyden/hy-home/testbed/internal/host"
	"github.com/buenhyden/hy-home/testbed/internal/node"
	"github.com/buenhyden/hy-home/testbed/internal/services"
	"github.com/buenhyden/hy-home/testbed/lab"
	"github.com/buenhyden/hy-home/testbed/plain"
	"github.com/buenhyden/hy-home/testbed/plain/plaintest"
)

// gateCluster is a kind cluster for the gate alone.
const gateCluster = "gate"

// gateWorld is what runs in it: Argo Rollouts, and Prometheus twice behind a
// Service whose port has a name.
const gateWorld = `
apiVersion: v1
kind: ServiceAccount
metadata: {name: argo-rollouts, namespace: kube-system}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: argo-rollouts}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{kind: ServiceAccount, name: argo-rollouts, namespace: kube-system}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: argo-rollouts, namespace: kube-system}
spec:
  selector: {matchLabels: {app: argo-rollouts}}
  template:
    metadata: {labels: {app: argo-rollouts}}
    spec:
      serviceAccountName: argo-rollouts
      containers: [{name: controller, image: "ROLLOUTS", args: [--leader-elect=false]}]
---
apiVersion: v1
kind: Namespace
metadata: {name: monitoring}
---
apiVersion: v1
kind: Namespace
metadata: {name: apps}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: prometheus, namespace: monitoring}
spec:
  replicas: 2
  selector: {matchLabels: {app: prometheus}}
  template:
    metadata: {labels: {app: prometheus}}
    spec:
      containers:
      - name: prometheus
        image: "PROMETHEUS"
        ports: [{name: web, containerPort: 9090}]
        readinessProbe: {httpGet: {path: /-/ready, port: web}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: kps-prometheus, namespace: monitoring}
spec:
  selector: {app: prometheus}
  ports: [{name: http-web, port: 9090, targetPort: web}]
`

const gateRollout = `
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: shop, namespace: apps}
spec:
  replicas: 2
  selector: {matchLabels: {app: shop}}
  strategy: {canary: {steps: [{setWeight: 50}, {pause: {duration: 10s}}]}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: shop, image: "IMAGE", args: [ARG]}]
`

// gate is a cluster with a real kubelet, and the account that users start from.
type gate struct {
	lab        lab.Lab
	config     *rest.Config
	kubeconfig string // of the service account
}

// TestGate_OnAKubelet proves what simulated nodes cannot show: the port-forward,
// and how soon a pod that cannot start is seen, with its own last words.
func TestGate_OnAKubelet(t *testing.T) {
	if os.Getenv("HY_E2E") != "1" {
		t.Skip("makes a cluster of its own: run `make e2e`")
	}
	g := openGate(t)
	g.release(t, "v1", "--log.level=warn")
	g.healthy(t)

	t.Run("PortForward_OutlivesItsPod", func(t *testing.T) {
		verdict := g.start(t, "v2")
		g.release(t, "v2", "--log.level=info")
		time.Sleep(5 * time.Second) // the first measurements are made, and one of the pods is in use
		g.deletePrometheus(t)
		if r := <-verdict; r.Verdict != canarygate.Passed || len(r.Measurements) < 5 || r.APICalls > 20 {
			t.Errorf("%s %s: %s (%d measurements, %d requests)", r.Verdict, r.Reason, r.Message, len(r.Measurements), r.APICalls)
		}
	})
	for _, c := range []struct{ name, tag, arg, reason, words string }{
		{"ImageThatDoesNotExist", "none", "--log.level=warn", "image_pull", "not found"},
		{"CrashLoop", "v3", "--no-such-flag", "crash_loop", "its last words: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			verdict := g.start(t, c.tag)
			start := time.Now()
			g.release(t, c.tag, c.arg)
			r := <-verdict
			if r.Verdict != canarygate.Failed || r.Reason != c.reason || !strings.Contains(r.Message, c.words) {
				t.Errorf("%s %s: %s", r.Verdict, r.Reason, r.Message)
			}
			if took := r.End.Sub(start); took > 15*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

func openGate(t *testing.T) *gate {
	t.Helper()
	g := &gate{lab: lab.Require(t)}
	admin := filepath.Join(t.TempDir(), "kubeconfig")
	kind := cluster.NewProvider(cluster.ProviderWithDocker())
	_ = kind.Delete(gateCluster, admin) // of a run that was killed
	t.Cleanup(func() {
		if err := kind.Delete(gateCluster, admin); err != nil {
			t.Error(err)
		}
	})
	if err := kind.Create(gateCluster, cluster.CreateWithNodeImage(node.Name), cluster.CreateWithKubeconfigPath(admin), cluster.CreateWithWaitForReady(2*time.Minute)); err != nil {
		t.Fatal(err)
	}
	for _, registry := range []string{"docker.io", "quay.io", host.RegistryHost} {
		dir := "/etc/containerd/certs.d/" + registry
		command(t, "docker", "exec", gateCluster+"-control-plane", "sh", "-c", fmt.Sprintf("mkdir -p %s && printf '[host.\"%s\"]\\n' > %s/hosts.toml", dir, host.Mirror, dir))
	}
	for _, tag := range []string{"v1", "v2", "v3"} { // any program will do; this one is there
		command(t, "docker", "tag", services.Prometheus, g.image(tag))
		command(t, "docker", "push", "--quiet", g.image(tag))
	}
	var err error
	if g.config, err = clientcmd.BuildConfigFromFlags("", admin); err != nil {
		t.Fatal(err)
	}
	crds, err := os.ReadFile(filepath.Join(plaintest.BinDir(), plain.CRDs))
	if err != nil {
		t.Fatalf("%v: run `go run ./testbed up plain` first", err)
	}
	g.apply(t, `{"apiVersion":"v1","kind":"List","items":`+string(crds)+`}`)
	g.apply(t, strings.NewReplacer("ROLLOUTS", services.Rollouts, "PROMETHEUS", services.Prometheus).Replace(gateWorld))
	g.account(t)
	return g
}

func command(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
}

func (g *gate) image(tag string) string { return g.lab.Registry + "/gate/shop:" + tag }

func (g *gate) apply(t *testing.T, yaml string) {
	t.Helper()
	objects, err := apply.Decode(strings.NewReader(yaml), t.Name())
	if err != nil {
		t.Fatal(err)
	}
	c, err := apply.New(g.config, apply.Options{FieldManager: "e2e", Namespace: "apps", Force: true})
	if err != nil {
		t.Fatal(err)
	}
	plaintest.Until(t, time.Minute, func(ctx context.Context) error { _, err := c.Apply(ctx, objects); return err })
}

// account makes a kubeconfig of the service account with the two Roles that are shipped.
func (g *gate) account(t *testing.T) {
	t.Helper()
	for _, namespace := range []string{"apps", "monitoring"} {
		text, err := fs.ReadFile(infratemplate.FS(), "infra/"+namespace+"/canary-gate.yaml")
		if err != nil {
			t.Fatal(err)
		}
		g.apply(t, strings.ReplaceAll(string(text), "metadata: {name: canary-gate}", "metadata: {name: canary-gate, namespace: "+namespace+"}"))
	}
	client, err := kubernetes.NewForConfig(g.config)
	if err != nil {
		t.Fatal(err)
	}
	token, err := client.CoreV1().ServiceAccounts("apps").CreateToken(t.Context(), "canary-gate", &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	cfg := clientcmdapi.NewConfig()
	cfg.Clusters["gate"] = &clientcmdapi.Cluster{Server: g.config.Host, CertificateAuthorityData: g.config.CAData}
	cfg.AuthInfos["gate"] = &clientcmdapi.AuthInfo{Token: token.Status.Token}
	cfg.Contexts["gate"] = &clientcmdapi.Context{Cluster: "gate", AuthInfo: "gate"}
	cfg.CurrentContext = "gate"
	g.kubeconfig = filepath.Join(t.TempDir(), "account")
	if err := clientcmd.WriteToFile(*cfg, g.kubeconfig); err != nil {
		t.Fatal(err)
	}
}

func (g *gate) release(t *testing.T, tag, arg string) {
	t.Helper()
	g.apply(t, strings.NewReplacer("IMAGE", g.image(tag), "ARG", arg).Replace(gateRollout))
}

func (g *gate) options(tag string) canarygate.Options {
	return canarygate.Options{
		Rollout: "apps/shop", Image: g.image(tag), Kubeconfig: g.kubeconfig,
		Prometheus: "service:monitoring/kps-prometheus:9090", Query: "vector(0.01)", Condition: "result[0] < 0.05",
		Interval: time.Second, FailureLimit: 0, Timeout: 3 * time.Minute,
	}
}

// start runs a gate beside the test, and logs how it ended.
func (g *gate) start(t *testing.T, tag string) <-chan canarygate.Result {
	out := make(chan canarygate.Result, 1)
	go func() {
		r, err := canarygate.Run(t.Context(), g.options(tag))
		if err != nil {
			t.Errorf("gate: %v", err)
		}
		t.Logf("%s: %s %s after %.1f s, %d requests, %d measurements: %s", tag, r.Verdict, r.Reason, r.End.Sub(r.Start).Seconds(), r.APICalls, len(r.Measurements), r.Message)
		out <- r
	}()
	return out
}

// healthy waits for the first version, with the account: its pods have to be pulled.
func (g *gate) healthy(t *testing.T) {
	t.Helper()
	o := g.options("v1")
	r, err := canarygate.Run(t.Context(), o)
	if err != nil || r.Verdict != canarygate.Passed {
		t.Fatalf("%v %s %s: %s (%+v)", err, r.Verdict, r.Reason, r.Message, r.Changes)
	}
	t.Logf("v1 after %.1f s", r.End.Sub(r.Start).Seconds())
}

// deletePrometheus ends one of its pods, the one that connections go to first.
func (g *gate) deletePrometheus(t *testing.T) {
	t.Helper()
	client, err := kubernetes.NewForConfig(g.config)
	if err != nil {
		t.Fatal(err)
	}
	slices, err := client.DiscoveryV1().EndpointSlices("monitoring").List(t.Context(), metav1.ListOptions{LabelSelector: "kubernetes.io/service-name=kps-prometheus"})
	if err != nil || len(slices.Items) != 1 || len(slices.Items[0].Endpoints) == 0 {
		t.Fatalf("%v: %+v", err, slices)
	}
	pod := slices.Items[0].Endpoints[0].TargetRef.Name
	now := int64(0)
	if err := client.CoreV1().Pods("monitoring").Delete(t.Context(), pod, metav1.DeleteOptions{GracePeriodSeconds: &now}); err != nil {
		t.Fatal(err)
	}
}
