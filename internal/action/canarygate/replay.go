package canarygate

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/gatefile"
	"github.com/buenhyden/hy-home/internal/promql"
	"github.com/buenhyden/hy-home/internal/rollout"
)

// ReplayOptions is what a replay needs to know.
type ReplayOptions struct {
	Rollout    string        // namespace/name; required
	Gate       gatefile.File // what the past is judged by; required
	Prometheus string        // in place of the gate file's
	Headers    map[string]string
	HTTPConfig string // as of [Options]
	Kubeconfig string // for a Prometheus that is a Service
	Context    string
	Since      time.Duration // how far back releases are looked for
	Releases   []Release     // in place of looking for them
	Log        func(string, ...any)
}

// Replayed is what the gate file says of a release of the past.
type Replayed struct {
	Release
	Verdict         Verdict
	Reason, Message string
	At              time.Time // when the gate would have said so
	Checks          []CheckResult
}

// past is a Prometheus at one moment.
type past struct {
	prometheus
	at time.Time
}

func (p past) Query(ctx context.Context, query string) (promql.Result, error) {
	return p.QueryAt(ctx, query, p.at)
}

// Replay judges releases of the past, oldest first, by what Prometheus still
// knows of them: which of them the gate file would have stopped. A cluster is
// asked for nothing but the way to Prometheus.
func Replay(ctx context.Context, o ReplayOptions) ([]Replayed, error) {
	p, err := Options{
		Rollout: o.Rollout, Gate: o.Gate, Prometheus: o.Prometheus, Headers: o.Headers, HTTPConfig: o.HTTPConfig, Kubeconfig: o.Kubeconfig, Context: o.Context,
	}.checkReplay()
	if err != nil {
		return nil, err
	}
	g := &gate{plan: p}
	if p.needsCluster() {
		if g.cluster, err = rollout.Connect(p.Kubeconfig, p.Context, o.Log); err != nil {
			return nil, err
		}
	}
	if err := g.connect(ctx); err != nil {
		return nil, exit.Inconclusivef("%w", err)
	}
	for _, c := range g.checks {
		c.prom = g.of(c)
	}
	prom := g.checks[0].prom
	if err := prom.Ping(ctx); err != nil {
		return nil, exit.Inconclusivef("%w", err)
	}
	if err := g.refused(ctx); err != nil {
		return nil, err
	}
	now := time.Now().Truncate(time.Second)
	if len(o.Releases) == 0 {
		if o.Releases, err = history(ctx, prom, p.namespace, p.name, now.Add(-o.Since), now); err != nil {
			return nil, exit.Inconclusivef("%w", err)
		}
	}
	return replayAll(ctx, g.plan, o.Releases, now)
}

// needsCluster reports whether a Prometheus is a Service, or a template's headers
// stand in Secrets.
func (p plan) needsCluster() bool {
	needs := p.target.InCluster()
	for _, c := range p.checks {
		needs = needs || c.target.InCluster()
		if c.Metric != nil {
			_, _, _ = c.Metric.Resolve(func(string, string) (string, error) { needs = true; return "", nil })
		}
	}
	return needs
}

// checkReplay parses what a replay uses of the options.
func (o Options) checkReplay() (plan, error) {
	p := plan{Options: o}
	if len(o.Gate.Checks) == 0 {
		return plan{}, exit.BadInputf("there is no gate file: it says what the past is judged by")
	}
	if err := p.checkRollout(); err != nil {
		return plan{}, err
	}
	if err := p.checkQuery(); err != nil {
		return plan{}, err
	}
	return p, p.checkCourse()
}

// atOnce is how many releases are judged beside one another. Each asks for all of
// its checks at once, and Prometheus admits 20 queries at a time by default.
const atOnce = 4

func replayAll(ctx context.Context, p plan, releases []Release, now time.Time) ([]Replayed, error) {
	out := make([]Replayed, len(releases))
	slots := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for i, r := range releases {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			out[i] = p.replay(ctx, r, now)
		})
	}
	all.Wait()
	return out, ctx.Err()
}

// replayPatience is how long after its end a release is measured on: as long as
// a gate takes by default.
const replayPatience = 10 * time.Minute

// replay walks through one release, from one moment at which a check is due to
// the next, as the gate would have.
func (p plan) replay(ctx context.Context, r Release, now time.Time) Replayed {
	checks, _ := newChecks(p.Gate) // its own; that they are valid is known
	for i, c := range checks {
		c.prom = p.checks[i].prom
	}
	p.checks = checks
	limit := r.End.Add(replayPatience)
	if limit.After(now) {
		limit = now
	}
	s := shot{fields: promql.Fields{"namespace": p.namespace, "rollout": p.name}, stable: r.Stable, began: r.Start}
	for name, hash := range map[string]string{"pod-hash": r.Hash, "stable-hash": r.Stable} {
		if hash != "" {
			s.fields[name] = hash
		}
	}
	for _, c := range p.checks {
		switch c.due = r.Start; {
		case c.Compare != nil:
			c.due = r.End
		case c.Metric != nil:
			c.delayed = r.Start.Add(c.Metric.Delay)
			c.due = c.delayed
		}
	}
	for s.at = r.Start; ; {
		var end time.Time
		d := rollout.Decision{Answer: rollout.Wait, Message: fmt.Sprintf("Rollout %s is on its way", p.Rollout)}
		if !s.at.Before(r.End) {
			end = r.End
			d = rollout.Decision{Answer: rollout.Pass, Reason: "replayed", Message: fmt.Sprintf("Rollout %s came to its end with revision %s (%s)", p.Rollout, r.Hash, r.Outcome)}
		}
		p.measureDue(ctx, s, end)
		c := conclude(facts{decision: d, checks: p.sum(end)})
		if c.verdict == "" {
			if next := p.nextDue(s.at, r.End); !next.After(limit) && ctx.Err() == nil {
				s.at = next
				continue
			}
			c.verdict, c.reason = Inconclusive, ReasonTimeout
		}
		done := Replayed{Release: r, Verdict: c.verdict, Reason: c.reason, Message: c.message, At: s.at}
		for _, k := range p.checks {
			done.Checks = append(done.Checks, k.result)
		}
		return done
	}
}

// measureDue measures all checks that are due, at once.
func (p plan) measureDue(ctx context.Context, s shot, end time.Time) {
	var all sync.WaitGroup
	for _, c := range p.checks {
		if !c.open(end) || c.due.After(s.at) {
			continue
		}
		c.due = s.at.Add(time.Duration(c.Interval))
		all.Go(func() { c.count(c.measure(ctx, past{c.prom, s.at}, s), end) })
	}
	all.Wait()
}

// nextDue is the next moment at which something is to be measured; the end of
// the release is one for every check.
func (p plan) nextDue(at, end time.Time) time.Time {
	next := at.Add(replayPatience)
	for _, c := range p.checks {
		if c.due.Before(next) && c.open(end) {
			next = c.due
		}
	}
	if at.Before(end) && !next.Before(end) {
		for _, c := range p.checks {
			c.due = later(end, c.delayed)
		}
		return end
	}
	return next
}
