package canarygate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/promql"
)

// prometheus is what the gate needs of Prometheus.
type prometheus interface {
	Ping(ctx context.Context) error
	Query(ctx context.Context, query string) (promql.Result, error)
	QueryAt(ctx context.Context, query string, at time.Time) (promql.Result, error)
	QueryRange(ctx context.Context, query string, start, end time.Time, step time.Duration) (promql.Result, error)
}

// asks reports whether Prometheus is needed.
func (p plan) asks() bool { return p.measures || len(p.checks) > 0 }

// access is how the inputs want Prometheus to be asked.
func (g *gate) access(t promql.Target) promql.Access {
	a := promql.Access{Headers: g.Headers, HTTP: g.http}
	if t.InCluster() {
		a.Dial = g.cluster.Forward(t.Namespace, t.Service, t.Port)
	}
	return a
}

// connect prepares the ways to Prometheus: the one that an input or the gate file
// names, and those of templates that ask another one or in another way.
func (g *gate) connect(ctx context.Context) error {
	if g.prom != nil {
		return nil
	}
	ways := map[string]*promql.Client{} // metrics that ask alike share one, and its connections
	open := func(t promql.Target, a promql.Access) (prometheus, error) {
		key := fmt.Sprint(t, a.Headers, a.OAuth2, a.Insecure)
		var err error
		if ways[key] == nil {
			ways[key], err = promql.Connect(t, a)
		}
		return ways[key], err
	}
	for _, c := range g.checks {
		if c.Metric == nil {
			continue
		}
		t := c.target
		if g.Prometheus != "" {
			t = g.target
		}
		a := g.access(t)
		headers, token, err := c.Metric.Resolve(func(name, key string) (string, error) {
			value, err := g.cluster.Secret(ctx, g.namespace, name, key)
			g.Mask(value)
			return value, err
		})
		if err != nil {
			return fmt.Errorf("check %q: %w", c.Name, err)
		}
		maps.Copy(headers, g.Headers) // an input wins over a template
		a.Headers, a.Insecure = headers, c.Metric.Insecure
		if token != nil {
			a.OAuth2 = (*promql.OAuth2)(token)
		}
		if c.prom, err = open(t, a); err != nil {
			return err
		}
	}
	if g.Prometheus == "" {
		return nil
	}
	var err error
	g.prom, err = open(g.target, g.access(g.target))
	return err
}

// of is the Prometheus that answers a check.
func (g *gate) of(c *check) prometheus {
	if c.prom != nil {
		return c.prom
	}
	return g.prom
}

// preflightTimeout bounds how long a Prometheus is looked for, one that is just
// restarting included. A gate without it would watch for minutes in vain.
const preflightTimeout = 4 * time.Second

// preflight makes sure that each Prometheus answers and understands the query.
func (g *gate) preflight(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, preflightTimeout)
	defer cancel()
	if err := until(limited, g.connect); err != nil {
		return err
	}
	all := map[prometheus]bool{}
	if g.prom != nil {
		all[g.prom] = true
	}
	for _, c := range g.checks {
		all[g.of(c)] = true
	}
	group, within := errgroup.WithContext(limited)
	for prom := range all {
		group.Go(func() error { return until(within, prom.Ping) })
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("%w: check that it runs there and that input prometheus names the right address", err)
	}
	if !g.measures {
		return nil
	}
	query, err := shot{fields: promql.Fields{"pod-hash": "preflight", "stable-hash": "preflight", "namespace": g.namespace, "rollout": g.name}}.side(g.query, "preflight")
	if err == nil {
		_, err = g.prom.Query(limited, query)
	}
	var q *promql.QueryError
	if promql.Invalid(err) && errors.As(err, &q) {
		return exit.BadInputf("input query is %q, which Prometheus refuses: %s", g.query, q.Message)
	}
	return nil // any other fault may pass, and measurements will tell
}

// until tries again and again; the end of the time says less than what was met
// before it.
func until(ctx context.Context, try func(context.Context) error) error {
	var cause error
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		if cause == nil || ctx.Err() == nil {
			cause = err
		}
		select {
		case <-ctx.Done():
			return cause
		case <-time.After(500 * time.Millisecond):
		}
	}
}
