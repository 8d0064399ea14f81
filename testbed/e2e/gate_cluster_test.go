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

// gate is a cluster with a real kubelet, and the account that users start from.
type gate struct {
	lab        lab.Lab
	config     *rest.Config
	kubeconfig string // of the service account
}

// deleteCluster tries again. With cgroups of version 1 a node may be killed just as its
// runc has frozen a container to start it, and what is frozen does not die.
func deleteCluster(t *testing.T, kind *cluster.Provider, name, kubeconfig string) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(2 * time.Second) { // it dies meanwhile
		err := kind.Delete(name, kubeconfig)
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Error(err)
			return
		}
		const pods = "/sys/fs/cgroup/freezer/docker/*/kubelet.slice/*/*/*"
		guaranteed, _ := filepath.Glob(pods + "/freezer.state") // by their class pods lie as deep, or one deeper
		others, _ := filepath.Glob(pods + "/*/freezer.state")
		for _, file := range append(guaranteed, others...) {
			_ = os.WriteFile(file, []byte("THAWED"), 0) // which all others are
		}
	}
}

func openGate(t *testing.T) *gate {
	t.Helper()
	g := &gate{lab: lab.Require(t)}
	admin := filepath.Join(t.TempDir(), "kubeconfig")
	kind := cluster.NewProvider(cluster.ProviderWithDocker())
	deleteCluster(t, kind, gateCluster, admin) // of a run that was killed
	t.Cleanup(func() { deleteCluster(t, kind, gateCluster, admin) })
	if err := kind.Create(gateCluster, cluster.CreateWithNodeImage(node.Name), cluster.CreateWithKubeconfigPath(admin), cluster.CreateWithWaitForReady(plaintest.Patience)); err != nil {
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
	g.await(t, "kube-system", "argo-rollouts", 1)
	g.await(t, "monitoring", "prometheus", 2)
	return g
}

// await waits for a Deployment's pods, whose images have to be pulled.
func (g *gate) await(t *testing.T, namespace, name string, pods int32) {
	t.Helper()
	client, err := kubernetes.NewForConfig(g.config)
	if err != nil {
		t.Fatal(err)
	}
	plaintest.Until(t, func(ctx context.Context) error {
		d, err := client.AppsV1().Deployments(namespace).Get(ctx, name, metav1.GetOptions{})
		if err == nil && d.Status.AvailableReplicas != pods {
			err = fmt.Errorf("%d of %d pods of Deployment %s/%s are there", d.Status.AvailableReplicas, pods, namespace, name)
		}
		return err
	})
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
	plaintest.Until(t, func(ctx context.Context) error { _, err := c.Apply(ctx, objects); return err })
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
