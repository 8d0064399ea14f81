package canarygate

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/buenhyden/hy-home/internal/rollout"
)

// TestBed_CannotTell has an answer of its own for each thing that is not there. How
// soon it comes is told by the clock of TestGate_Verdicts.
func TestBed_CannotTell(t *testing.T) {
	s := openShop(t)
	s.release(t, plainRollout, withoutSteps, "v1", "")
	s.settle(t, rollout.Healthy)
	for _, c := range []struct {
		name    string
		change  func(*Options)
		reason  string
		message string
	}{
		{"a closed port", func(o *Options) { o.Prometheus = "http://127.0.0.1:1" }, ReasonNoPrometheus, "Prometheus at http://127.0.0.1:1 does not answer: dial tcp"},
		{"a Service that does not exist", func(o *Options) { o.Prometheus = "service:default/prometheus:9090" }, ReasonNoPrometheus, `services "prometheus" not found`},
		{"no permission", func(o *Options) { o.Kubeconfig = s.as(t, "nobody") }, "forbidden", "grant get, list and watch"},
		{"a Rollout that does not exist", func(o *Options) { o.Rollout, o.AppearTimeout = s.namespace+"/nothing", time.Second }, ReasonNotFound, "does not exist 1s after the gate began"},
		{"a namespace that does not exist", func(o *Options) { o.Rollout, o.AppearTimeout = "nowhere/shop", time.Second }, ReasonNotFound, ""},
		{"no data", func(o *Options) { o.Query, o.Condition = `nothing{hash="{{pod-hash}}"}`, "all(result, # < 1)" }, ReasonNoData, "the query gave no data"},
		{"no API server", func(o *Options) {
			o.Kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
			text := "apiVersion: v1\nkind: Config\nclusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}]\ncontexts: [{name: c, context: {cluster: c}}]\ncurrent-context: c\n"
			if err := os.WriteFile(o.Kubeconfig, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "cluster_unreachable", "https://127.0.0.1:1 does not answer"},
	} {
		o := s.gate("v1")
		c.change(&o)
		r := <-start(t, o)
		if r.Verdict != Inconclusive || r.Reason != c.reason || !strings.Contains(r.Message, c.message) || strings.Contains(r.Message, "\n") {
			t.Errorf("%s: %s %s: %s", c.name, r.Verdict, r.Reason, r.Message)
		}
		t.Logf("%s, after %d ms: %s", c.name, r.End.Sub(r.Start).Milliseconds(), r.Message)
	}
}
