package canarygate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/promql"
	"github.com/buenhyden/hy-home/internal/rollout"
)

// kube is what the gate needs of the cluster.
type kube interface {
	Follow(ctx context.Context, namespace, name string, out chan<- rollout.Sighting) error
	Runs(ctx context.Context, s rollout.State) ([]rollout.Run, error)
	Trouble(ctx context.Context, s rollout.State) (*rollout.Trouble, error)
	Abort(ctx context.Context, s rollout.State) error
	Pause(ctx context.Context, s rollout.State) error
	Promote(ctx context.Context, s rollout.State) error
	Application(ctx context.Context, namespace, name string, s rollout.State) (rollout.Application, int64, error)
	Calls() int
}

// prometheus is what the gate needs of Prometheus.
type prometheus interface {
	Ping(ctx context.Context) error
	Query(ctx context.Context, query string) (promql.Result, error)
	QueryAt(ctx context.Context, query string, at time.Time) (promql.Result, error)
	QueryRange(ctx context.Context, query string, start, end time.Time, step time.Duration) (promql.Result, error)
}

// Run watches until there is a verdict. An error means that there is none: bad
// input, or the context ended. A cluster or a Prometheus that does not answer is
// no error but an inconclusive verdict, found within 5 s of the start.
func Run(ctx context.Context, o Options) (Result, error) {
	p, err := o.check()
	if err != nil {
		return Result{}, err
	}
	cluster, err := rollout.Connect(p.Kubeconfig, p.Context, p.Log.Debug)
	if err != nil {
		return Result{}, err
	}
	var prom prometheus
	if p.asks() {
		if prom, err = p.connect(cluster); err != nil {
			return Result{}, err
		}
	}
	return run(ctx, p, cluster, prom)
}

// connect finds the way to Prometheus.
func (p plan) connect(cluster *rollout.Cluster) (*promql.Client, error) {
	if p.target.URL != "" {
		return promql.New(p.target.URL, &http.Client{Transport: withHeaders{p.Headers}}, p.target.String()), nil
	}
	base, client, err := cluster.ServiceProxy(p.target.Namespace, p.target.Service, p.target.Port)
	if err != nil {
		return nil, err
	}
	return promql.New(base, client, p.target.String()), nil
}

// asks reports whether Prometheus is needed.
func (p plan) asks() bool { return p.measures || len(p.checks) > 0 }

// many is how many connections to Prometheus are kept: all checks are asked at
// once, and each would dial anew with net/http's two.
const many = 256

var transport = func() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConns, t.MaxIdleConnsPerHost = many, many
	return t
}()

// withHeaders sends headers with each request.
type withHeaders struct{ headers map[string]string }

// RoundTrip implements http.RoundTripper.
func (h withHeaders) RoundTrip(r *http.Request) (*http.Response, error) {
	if len(h.headers) > 0 {
		r = r.Clone(r.Context())
		for name, value := range h.headers {
			r.Header.Set(name, value)
		}
	}
	return transport.RoundTrip(r)
}

func run(ctx context.Context, p plan, cluster kube, prom prometheus) (Result, error) {
	watching, stop := context.WithCancel(ctx)
	defer stop()
	g := &gate{
		plan: p, cluster: cluster, prom: prom,
		result: Result{Rollout: p.Rollout, Expected: p.image.String(), Condition: p.conditionText(), Weight: -1, Start: time.Now()},
	}
	if limit, ok := p.condition.Bound(); ok {
		g.result.Limit = &limit
	}
	err := g.watch(watching)
	g.result.End = time.Now()
	g.result.APICalls = cluster.Calls()
	for _, c := range g.checks {
		g.result.Checks = append(g.result.Checks, c.result)
	}
	return g.result, err
}

func (p plan) conditionText() string {
	switch {
	case p.FailureCondition == "":
		return p.Condition
	case p.Condition == "":
		return "not (" + p.FailureCondition + ")"
	}
	return p.Condition + ", failed when " + p.FailureCondition
}

// preflightTimeout bounds how long a Prometheus is looked for, one that is just
// restarting included. A gate without it would watch for minutes in vain.
const preflightTimeout = 4 * time.Second

// preflight makes sure that Prometheus answers and understands the query.
func (g *gate) preflight(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, preflightTimeout)
	defer cancel()
	var cause error
	for {
		err := g.prom.Ping(ctx)
		if err == nil {
			break
		}
		if cause == nil || ctx.Err() == nil { // the end of the time says less than what was met before it
			cause = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: check that it runs there and that input prometheus names the right address", cause)
		case <-time.After(500 * time.Millisecond):
		}
	}
	if !g.measures {
		return nil
	}
	query, err := shot{fields: promql.Fields{"pod-hash": "preflight", "stable-hash": "preflight", "namespace": g.namespace, "rollout": g.name}}.side(g.query, "preflight")
	if err == nil {
		_, err = g.prom.Query(ctx, query)
	}
	if promql.Invalid(err) {
		var q *promql.QueryError
		errors.As(err, &q)
		return exit.BadInputf("input query is %q, which Prometheus refuses: %s", g.query, q.Message)
	}
	return nil // any other fault may pass, and measurements will tell
}
