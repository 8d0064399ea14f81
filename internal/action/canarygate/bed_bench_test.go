package canarygate

import (
	"bytes"
	"context"
	"fmt"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/buenhyden/hy-home/internal/rollout"
)

// counter is a way to the API server that counts requests.
type counter struct {
	kubeconfig string
	requests   atomic.Int64
}

func (s *shop) counter(t *testing.T) *counter {
	t.Helper()
	target, err := url.Parse(s.APIServer)
	if err != nil {
		t.Fatal(err)
	}
	transport, err := rest.TransportFor(s.Config)
	if err != nil {
		t.Fatal(err)
	}
	c := &counter{kubeconfig: filepath.Join(t.TempDir(), "kubeconfig")}
	server := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			c.requests.Add(1)
			r.SetURL(target)
		},
		Transport:     transport,
		FlushInterval: -1, // events of a watch at once
	})
	t.Cleanup(server.CloseClientConnections) // ends the watches
	cfg := clientcmdapi.NewConfig()
	cfg.Clusters["c"] = &clientcmdapi.Cluster{Server: server.URL}
	cfg.Contexts["c"] = &clientcmdapi.Context{Cluster: "c", Namespace: s.namespace}
	cfg.CurrentContext = "c"
	if err := clientcmd.WriteToFile(*cfg, c.kubeconfig); err != nil {
		t.Fatal(err)
	}
	return c
}

// argoStatus is `kubectl argo rollouts status`, built from its own module.
func argoStatus(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "status")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", path, "./status")
	build.Dir = filepath.Join("..", "..", "..", "testbed", "parts", "argo-rollouts")
	build.Env = append(os.Environ(), "GOFLAGS=", "CGO_ENABLED=0") // without -trimpath, as the controller was: see that go.mod
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

// TestBench_ArgoStatus follows the same releases with the gate and with Argo's own
// command side by side: who answers how long after the end, with how many requests,
// and who takes the health of the revision before for that of the new one.
func TestBench_ArgoStatus(t *testing.T) {
	if os.Getenv("HY_BENCH") == "" {
		t.Skip("a comparison to be read, not a test: make bench-gate sets HY_BENCH")
	}
	s := openShop(t)
	status := argoStatus(t)
	s.errors(t, 0)
	s.release(t, plainRollout, withoutSteps, "v0", "")
	s.settle(t, rollout.Healthy)
	type taken struct {
		after    time.Duration // the end state was there
		requests int64
	}
	var ours, theirs []taken
	falsePasses := 0
	const releases = 7
	for i := range releases {
		if s.tooEarly(t, status) {
			falsePasses++
		}
		tag := fmt.Sprintf("v%d", i+1)
		s.release(t, plainRollout, `[{setWeight: 25}, {pause: {duration: 4s}}]`, tag, "")
		s.settle(t, rollout.Paused)
		a, b := s.counter(t), s.counter(t)
		o := s.gate(tag)
		o.Kubeconfig, o.Measurements = a.kubeconfig, 2
		verdict := start(t, o)
		ended := make(chan time.Time, 1)
		go func() {
			if out, err := exec.CommandContext(t.Context(), status, "--kubeconfig", b.kubeconfig, "--timeout", "1m", "shop").CombinedOutput(); err != nil || !bytes.Contains(out, []byte("Healthy")) {
				t.Errorf("argo status: %v: %s", err, out)
			}
			ended <- time.Now()
		}()
		healthy := s.healthyAt(t, o)
		r := <-verdict
		if r.Verdict != Passed {
			t.Errorf("%s %s: %s", r.Verdict, r.Reason, r.Message)
		}
		ours = append(ours, taken{r.End.Sub(healthy), a.requests.Load()})
		theirs = append(theirs, taken{(<-ended).Sub(healthy), b.requests.Load()})
	}
	middle := func(all []taken) taken {
		slices.SortFunc(all, func(a, b taken) int { return int(a.after - b.after) })
		return all[len(all)/2]
	}
	t.Logf("%d releases, medians:", releases)
	t.Logf("  canary-gate                  %4d ms after the end state, %2d requests, 0 answers before the release was applied", middle(ours).after.Milliseconds(), middle(ours).requests)
	t.Logf("  kubectl argo rollouts status %4d ms after the end state, %2d requests, %d Healthy before the release was applied", middle(theirs).after.Milliseconds(), middle(theirs).requests, falsePasses)
}

// tooEarly reports whether Argo's command answers "Healthy" for the release that
// is not applied yet.
func (s *shop) tooEarly(t *testing.T, status string) bool {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, status, "--kubeconfig", s.counter(t).kubeconfig, "shop").Output()
	return err == nil && bytes.HasPrefix(out, []byte("Healthy"))
}

// healthyAt waits until the Rollout is healthy with the image, and says when a
// watch of its own saw that first.
func (s *shop) healthyAt(t *testing.T, o Options) time.Time {
	t.Helper()
	p, err := o.check()
	if err != nil {
		t.Fatal(err)
	}
	cluster, err := rollout.Connect(s.Kubeconfig, "", func(string, ...any) {})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	seen := make(chan rollout.Sighting)
	go func() { _ = cluster.Follow(ctx, p.namespace, p.name, seen) }()
	for {
		select {
		case <-ctx.Done():
			t.Fatal("it is not healthy within a minute")
		case at := <-seen:
			if at.State != nil && rollout.Decide(*at.State, rollout.Expectation{Image: p.image}).Answer == rollout.Pass {
				return at.Time
			}
		}
	}
}
