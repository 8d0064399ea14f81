package endpoints

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/buenhyden/hy-home/internal/bridge"
	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/testbed/plain/plaintest"
)

func TestMain(m *testing.M) { plaintest.Main(m) }

// dataTier is an engine with one container, whose address a test may move.
type dataTier struct {
	bridge.Docker
	address string
}

func (d *dataTier) ContainerList(context.Context, container.ListOptions) ([]container.Summary, error) {
	return []container.Summary{{ID: "1"}}, nil
}

func (d *dataTier) ContainerInspect(context.Context, string) (container.InspectResponse, error) {
	return container.InspectResponse{
		ContainerJSONBase: &container.ContainerJSONBase{Name: "/lab-db-1"},
		NetworkSettings: &container.NetworkSettings{Networks: map[string]*network.EndpointSettings{
			"infra_net": {IPAddress: d.address, Aliases: []string{"db", "cache"}},
		}},
	}, nil
}

const corefile = ".:53 {\n    errors\n    forward . /etc/resolv.conf\n    reload\n}\n"

// On a real API server: what is published follows what the plan exposes and the
// engine tells, and the DNS's own text survives.
func TestBed_FollowsTheDataTierAndLeavesTheRest(t *testing.T) {
	bed := plaintest.Start(t)
	ns, consumer := bed.Namespace(t), bed.Namespace(t)
	bed.Apply(t, "kube-system", `
apiVersion: v1
kind: ConfigMap
metadata: {name: coredns}
data:
  Corefile: |
    `+strings.ReplaceAll(strings.TrimSpace(corefile), "\n", "\n    ")+`
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: coredns}
spec:
  replicas: 1
  selector: {matchLabels: {k8s-app: kube-dns}}
  template:
    metadata: {labels: {k8s-app: kube-dns}}
    spec: {containers: [{name: coredns, image: coredns}]}
`)
	client := bed.Clientset(t)
	ctx, cancel := context.WithTimeout(t.Context(), plaintest.Patience)
	defer cancel()
	get := metav1.GetOptions{}

	tier := &dataTier{address: "172.19.0.2"}
	d := Driver{Docker: func(context.Context) (bridge.Docker, error) { return tier, nil }}
	c := catalog.Component{Name: "external-services", Namespace: ns, Settings: map[string]any{"network": "infra_net", "zone": "infra.local"}}
	db := catalog.Endpoint{Name: "db", Protocol: catalog.Postgres, Hosts: []string{"db"}, Port: 5432}
	cache := catalog.Endpoint{Name: "cache", Protocol: catalog.Redis, Hosts: []string{"cache"}, Port: 6379}
	env := engine.Env{
		Name: "lab", Kubeconfig: bed.Kubeconfig, Progress: func(string) {}, Log: slog.New(slog.DiscardHandler),
		Values: map[string]string{"infra-net-name": "infra_net", "infra-net-subnet": "172.19.0.0/16"},
	}
	converge := func(want engine.Outcome, exposed ...catalog.Endpoint) {
		t.Helper()
		env.Components = []catalog.Component{{Name: "data", Tier: "docker", Expose: exposed}, {Name: "infra-bridge", Driver: "bridge"}}
		if got, err := d.Apply(ctx, c, env); err != nil || got != want {
			t.Fatalf("got %s, %v; want %s", got, err, want)
		}
	}
	converge(engine.Created, db, cache)
	converge(engine.Unchanged, db, cache)

	status := func(want string) {
		t.Helper()
		if got, err := d.Status(ctx, c, env); err != nil || got != want {
			t.Errorf("status %q, %v; want %q", got, err, want)
		}
	}
	status("ready")
	tier.address = "172.19.0.9" // the container was made again
	status("Service cache-external leads to 172.19.0.2, and the data tier is at 172.19.0.9")
	converge(engine.Configured, db, cache)
	slice, err := client.DiscoveryV1().EndpointSlices(ns).Get(ctx, "db-external", get)
	if err != nil || slice.Endpoints[0].Addresses[0] != "172.19.0.9" {
		t.Errorf("slice %v, %v", slice.Endpoints, err)
	}

	if _, err := client.CoreV1().Services(ns).Create(ctx, foreign(), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	label := []byte(`{"metadata":{"labels":{"` + bridge.ConsumerLabel + `":"allowed"}}}`)
	if _, err := client.CoreV1().Namespaces().Patch(ctx, consumer, types.MergePatchType, label, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	converge(engine.Configured, db) // cache is no longer offered, and somebody asks for a policy
	if _, err := client.NetworkingV1().NetworkPolicies(consumer).Get(ctx, "data-tier", get); err != nil {
		t.Error(err)
	}
	services, err := client.CoreV1().Services(ns).List(ctx, metav1.ListOptions{})
	if err != nil || len(services.Items) != 2 { // db's and the foreign one
		t.Errorf("services %v, %v", services.Items, err)
	}

	cm, err := client.CoreV1().ConfigMaps("kube-system").Get(ctx, "coredns", get)
	if err != nil || !strings.HasPrefix(cm.Data["Corefile"], corefile) || !strings.Contains(cm.Data["Corefile"], "infra.local:53 {") {
		t.Errorf("Corefile %q, %v", cm.Data["Corefile"], err)
	}
	status("ready")
	theirs := cm.DeepCopy()
	theirs.Data["Corefile"] = corefile // somebody put it back
	if _, err := client.CoreV1().ConfigMaps("kube-system").Update(ctx, theirs, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	status("the cluster's DNS does not serve the zone infra.local")
	converge(engine.Configured, db)
	for _, want := range []engine.Outcome{engine.Removed, engine.Unchanged} {
		if got, err := d.Remove(ctx, c, env); err != nil || got != want {
			t.Errorf("remove: got %s, %v; want %s", got, err, want)
		}
	}
	cm, err = client.CoreV1().ConfigMaps("kube-system").Get(ctx, "coredns", get)
	if err != nil || cm.Data["Corefile"] != corefile {
		t.Errorf("Corefile afterwards %q, %v", cm.Data["Corefile"], err)
	}
	if services, err = client.CoreV1().Services(ns).List(ctx, metav1.ListOptions{}); err != nil || len(services.Items) != 1 {
		t.Errorf("services afterwards %v, %v", services.Items, err)
	}
}

func TestRemove_WithoutAClusterIsUnchanged(t *testing.T) {
	env := engine.Env{Kubeconfig: filepath.Join(t.TempDir(), "none")}
	if got, err := (Driver{}).Remove(context.Background(), catalog.Component{}, env); err != nil || got != engine.Unchanged {
		t.Errorf("got %s, %v", got, err)
	}
	if _, err := os.Stat(env.Kubeconfig); err == nil {
		t.Error("a kubeconfig was made")
	}
}

// foreign is a Service of somebody else in the same namespace.
func foreign() *corev1.Service {
	return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "theirs"}, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}}}
}
