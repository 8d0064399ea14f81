package canarygate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/promql"
)

// prometheus is what the gate needs of Prometheus.
type prometheus interface {
	Ping(ctx context.Context) error
	Check(ctx context.Context, query string) error
	Query(ctx context.Context, query string) (promql.Result, error)
	QueryAt(ctx context.Context, query string, at time.Time) (promql.Result, error)
	QueryRange(ctx context.Context, query string, start, end time.Time, step time.Duration) (promql.Result, error)
}

// asks reports whether Prometheus is needed.
func (p plan) asks() bool { return len(p.checks) > 0 }

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

// preflight makes sure that each Prometheus answers and understands the queries.
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
	return g.refused(limited)
}

// refused finds a query that Prometheus does not understand before anything is
// waited for. What it understands is its own to say: dialects differ, and a parser
// of our own would refuse what VictoriaMetrics or a newer Prometheus answers.
func (g *gate) refused(ctx context.Context) error {
	s := shot{fields: promql.Fields{"pod-hash": "preflight", "stable-hash": "preflight", "namespace": g.namespace, "rollout": g.name}}
	faults := make([]error, len(g.checks))
	var all sync.WaitGroup
	for i, c := range g.checks {
		all.Go(func() {
			for _, q := range c.queries {
				query, err := s.side(q, "preflight")
				if err != nil { // a field of the Rollout stands in it: its first measurement tells
					continue
				}
				if faults[i] = c.refusal(g.of(c).Check(ctx, query)); faults[i] != nil {
					return
				}
			}
		})
	}
	all.Wait()
	for _, fault := range faults {
		if fault != nil {
			return fault
		}
	}
	return nil
}

// refusal is the bad input that a check has for a query, where err says that
// Prometheus does not understand it.
func (c *check) refusal(err error) error {
	var q *promql.QueryError
	switch {
	case !promql.Invalid(err) || !errors.As(err, &q):
		return nil
	case c.result.Own:
		return exit.BadInputf("input query is %q, which Prometheus refuses: %s", c.Query, q.Message)
	case c.Budget != nil:
		return exit.BadInputf("check %q asks %q, which Prometheus refuses: %s", c.Name, c.Budget.Errors, q.Message)
	}
	return exit.BadInputf("check %q asks %q, which Prometheus refuses: %s", c.Name, c.Query, q.Message)
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
