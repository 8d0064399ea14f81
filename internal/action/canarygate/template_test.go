package canarygate

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/gatefile"
	"github.com/buenhyden/hy-home/internal/promql"
	"github.com/buenhyden/hy-home/internal/rollout"
)

// byTemplate is a gate that judges by the metrics of one template.
func byTemplate(t *testing.T, spec string) Options {
	t.Helper()
	o := options()
	o.Query, o.Condition, o.Prometheus = "", "", ""
	if err := o.Gate.Add(gatefile.Template{File: "t.yaml"}, []byte("kind: AnalysisTemplate\nmetadata: {name: t}\nspec: "+spec)); err != nil {
		t.Fatal(err)
	}
	return o
}

// inside is a cluster whose Services all lead to one address.
type inside struct {
	*stage
	address string
	mu      sync.Mutex
	dialled []string
}

func (c *inside) Forward(namespace, name, port string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		c.mu.Lock()
		c.dialled = append(c.dialled, namespace+"/"+name+":"+port)
		c.mu.Unlock()
		return new(net.Dialer).DialContext(ctx, network, c.address)
	}
}

const labelled = `{
"metadata": {"namespace": "apps", "name": "shop", "uid": "u", "generation": 1, "labels": {"team": "blue"}},
"spec": {"replicas": 1, "strategy": {"canary": {}}, "template": {"spec": {"containers": [{"name": "shop", "image": "reg:5000/shop:v2"}]}}},
"status": {"phase": "Healthy", "observedGeneration": "1", "currentPodHash": "h2", "stableRS": "h2", "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}}`

// TestTemplates_AskAsTheyAre has two metrics with an address, headers and arguments
// of their own: one in the cluster with a Secret's value in a header and a label of
// the Rollout in its query, one outside. The input is empty.
func TestTemplates_AskAsTheyAre(t *testing.T) {
	var mu sync.Mutex
	asked := map[string]bool{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked[r.Host+r.URL.Path+" "+r.URL.Query().Get("query")+" "+r.Header.Get("Authorization")] = true
		mu.Unlock()
		fmt.Fprint(w, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"1"]}]}}`)
	}))
	defer server.Close()
	o := byTemplate(t, `
  args: [{name: token, valueFrom: {secretKeyRef: {name: prom, key: token}}}, {name: team, valueFrom: {fieldRef: {fieldPath: "metadata.labels['team']"}}}]
  metrics:
  - name: inside
    successCondition: result[0] == 1
    provider: {prometheus: {address: "http://p.monitoring.svc:9090/x", query: 'up{team="{{args.team}}"}', headers: [{key: Authorization, value: "Bearer {{args.token}}"}]}}
  - name: outside
    successCondition: result[0] == 1
    provider: {prometheus: {address: "`+server.URL+`", query: up}}`)
	p, err := o.check()
	if err != nil {
		t.Fatal(err)
	}
	var object map[string]any
	if err := json.Unmarshal([]byte(labelled), &object); err != nil {
		t.Fatal(err)
	}
	state := rollout.Decode(object)
	c := &inside{stage: &stage{rollouts: []scene{{0, &state}}, start: time.Now()}, address: server.Listener.Addr().String()}
	r, err := run(t.Context(), p, c, nil)
	if err != nil || r.Verdict != Passed {
		t.Fatalf("%v %s: %s", err, r.Verdict, r.Message)
	}
	host := strings.TrimPrefix(server.URL, "http://")
	for _, want := range []string{`p.monitoring.svc:9090/x/api/v1/query up{team="blue"} Bearer prom-token`, host + "/api/v1/query up "} {
		if !asked[want] {
			t.Errorf("not asked: %s; but %v", want, asked)
		}
	}
	if len(c.dialled) == 0 || c.dialled[0] != "monitoring/p:9090" {
		t.Errorf("dialled %v", c.dialled)
	}
}

func TestTemplates_NeedAnAddress(t *testing.T) {
	for address, want := range map[string]string{"": "nothing says where check \"m\" is asked", "p:9090": "the address in the template of check \"m\" is not valid"} {
		o := byTemplate(t, `{metrics: [{name: m, provider: {prometheus: {query: up, address: "`+address+`"}}}]}`)
		if _, err := o.check(); exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", address, err)
		}
		o.Prometheus = "http://prom" // an input wins
		if _, err := o.check(); err != nil {
			t.Error(err)
		}
	}
}

// TestTemplates_WaitForTheirDelay has a metric that is bad at first, and is looked
// at only later, also when the Rollout is healthy before that.
func TestTemplates_WaitForTheirDelay(t *testing.T) {
	for _, healthyAt := range []int{5, 60} {
		o := byTemplate(t, `{metrics: [{name: m, initialDelay: 30s, successCondition: 'result[0] < 0.1', provider: {prometheus: {address: "http://p", query: up}}}]}`)
		r := play(t, o, &stage{
			rollouts: []scene{{0, progressing("v2")}, {healthyAt, healthy("v2")}},
			values:   map[int]promql.Result{0: value(0.5), 29: value(0.01)},
		})
		if r.Verdict != Passed || len(r.Checks[0].Measurements) != 1 || r.End.Sub(r.Start) < 30*time.Second {
			t.Errorf("healthy after %d s: %s after %s: %s", healthyAt, r.Verdict, r.End.Sub(r.Start), r.Message)
		}
	}
}

// TestTemplates_HaveTheirTimeout has a Prometheus that answers after 20 s: in time
// for Argo's 30 s, and too late for a metric that gives it 7.
func TestTemplates_HaveTheirTimeout(t *testing.T) {
	for timeout, want := range map[string]Verdict{"": Passed, ", timeout: 7": Inconclusive} {
		o := byTemplate(t, `{metrics: [{name: m, consecutiveErrorLimit: 1, successCondition: 'result[0] < 0.1', provider: {prometheus: {address: "http://p", query: up`+timeout+`}}}]}`)
		synctest.Test(t, func(t *testing.T) {
			s := &late{&stage{rollouts: []scene{{0, healthy("v2")}}, start: time.Now()}}
			p, err := o.check()
			if err != nil {
				t.Fatal(err)
			}
			if r, err := run(t.Context(), p, s, s); err != nil || r.Verdict != want {
				t.Errorf("timeout %q: %v %s: %s", timeout, err, r.Verdict, r.Message)
			}
		})
	}
}

// late answers after 20 s, if it is waited for.
type late struct{ *stage }

func (late) Query(ctx context.Context, _ string) (promql.Result, error) {
	select {
	case <-time.After(20 * time.Second):
		return value(0.01), nil
	case <-ctx.Done():
		return promql.Result{}, ctx.Err()
	}
}
