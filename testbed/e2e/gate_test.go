package e2e

import (
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/buenhyden/hy-home/internal/action/canarygate"
	"github.com/buenhyden/hy-home/testbed/plain/plaintest"
)

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
      containers: [{name: shop, image: "IMAGE", args: [--config.file=/etc/prometheus/prometheus.yml, --storage.tsdb.path=/prometheus, ARG]}]
`

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
		o := g.options("v2")
		o.Measurements = 10
		measured := make(chan struct{})
		var once sync.Once
		o.Progress = func(line string) {
			if strings.HasPrefix(line, "query: ") { // one of the pods is in use
				once.Do(func() { close(measured) })
			}
		}
		verdict := g.start(t, o)
		g.release(t, "v2", "--log.level=info")
		select {
		case <-measured:
		case r := <-verdict:
			t.Fatalf("nothing was measured: %s %s: %s", r.Verdict, r.Reason, r.Message)
		}
		g.deletePrometheus(t)
		if r := <-verdict; r.Verdict != canarygate.Passed || r.Measured() < 5 || r.APICalls > 20 {
			t.Errorf("%s %s: %s (%d measurements, %d requests)", r.Verdict, r.Reason, r.Message, r.Measured(), r.APICalls)
		}
	})
	for _, c := range []struct{ name, tag, arg, reason, words string }{
		{"ImageThatDoesNotExist", "none", "--log.level=warn", "image_pull", "container shop is in "},
		{"CrashLoop", "v3", "--no-such-flag", "crash_loop", "its last words: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			verdict := g.start(t, g.options(c.tag))
			g.release(t, c.tag, c.arg)
			r := <-verdict
			if r.Verdict != canarygate.Failed || r.Reason != c.reason || !strings.Contains(r.Message, c.words) {
				t.Errorf("%s %s: %s", r.Verdict, r.Reason, r.Message)
			}
		})
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
		Interval: time.Second, FailureLimit: 0, Timeout: plaintest.Patience,
	}
}

// start runs a gate beside the test, and logs how it ended.
func (g *gate) start(t *testing.T, o canarygate.Options) <-chan canarygate.Result {
	out := make(chan canarygate.Result, 1)
	go func() {
		r, err := canarygate.Run(t.Context(), o)
		if err != nil {
			t.Errorf("gate: %v", err)
		}
		t.Logf("%s: %s %s after %.1f s, %d requests, %d measurements: %s", o.Image, r.Verdict, r.Reason, r.End.Sub(r.Start).Seconds(), r.APICalls, r.Measured(), r.Message)
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
