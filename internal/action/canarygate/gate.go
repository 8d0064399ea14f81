package canarygate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/rollout"
)

// gate is one run. All its fields belong to the goroutine of watch; what runs
// beside it reports over channels.
type gate struct {
	plan
	cluster kube
	prom    prometheus
	result  Result

	seen     bool           // the Rollout wanted the expected image at some time
	state    *rollout.State // as last seen; nil when there is no such Rollout
	sighted  time.Time      // when
	decision rollout.Decision
	end      time.Time // see facts

	ready   bool      // Prometheus answered, or is not needed
	word    time.Time // of the next word about a pause; zero when there is none
	recheck time.Time // of AnalysisRuns that are not at their end although the Rollout is
	borne   string    // reason of a failure that may pass
	fails   time.Time // when it is one; zero when there is none
	began   time.Time // when the revision was first there to be measured
	stable  string    // hash of the revision it replaces
	bound   bound

	ailing      <-chan *rollout.Trouble // the watch of the revision's pods; nil when there is none
	blind       *error                  // why it ended, once it is closed
	stopLooking context.CancelFunc      // ends it
	look        time.Time               // when it may be opened
	looks       int                     // how often it was
	suspect     *rollout.Trouble        // what it told last
	since       time.Time               // when it told that first
	trouble     *rollout.Trouble        // a suspect that stayed
}

// watch is the gate's one loop: every event updates what is known, then
// conclude is asked again.
func (g *gate) watch(ctx context.Context) error {
	sightings := make(chan rollout.Sighting)
	lost := make(chan error, 1)
	go func() { lost <- g.cluster.Follow(ctx, g.namespace, g.name, sightings) }()
	checks := make(chan checked, len(g.checks))
	preflight := make(chan error, 1)
	bounds := make(chan bound)
	if g.ExpectRevision != "" {
		go g.bind(ctx, bounds)
	}
	first := true
	g.ready = !g.asks()

	timeout, appear := time.NewTimer(g.Timeout), time.NewTimer(g.AppearTimeout)
	defer timeout.Stop()
	defer appear.Stop()
	tick := time.NewTimer(0)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-lost:
			if ctx.Err() != nil {
				return ctx.Err()
			}
			g.unreadable(err)
			return nil
		case s := <-sightings:
			g.sight(s)
			if first && g.asks() { // not before: a cluster that cannot be read is the first cause
				go func() { preflight <- g.preflight(ctx) }()
			}
			first = false
		case b := <-bounds:
			if b.err != nil {
				g.unreadable(b.err)
				return nil
			}
			g.bound = b
			if g.state != nil {
				g.sight(rollout.Sighting{Time: time.Now(), State: g.state})
			}
		case err := <-preflight:
			if exit.Code(err) == exit.BadInput {
				return err
			}
			if err != nil {
				g.conclude(Inconclusive, ReasonNoPrometheus, err.Error())
				return nil
			}
			g.ready = true
		case m := <-checks:
			c := g.checks[m.index]
			if err := c.refusal(m.err); err != nil && len(c.result.Measurements) == 0 {
				return err // where the preflight could not ask
			}
			g.count(m)
		case t, open := <-g.ailing:
			g.hear(t, open, time.Now())
		case <-tick.C:
			g.decision = g.patient(g.decision, time.Now())
		case <-appear.C:
			if g.sighted.IsZero() { // the cluster has not said anything yet, and does soon or never
				appear.Reset(time.Second)
			} else if g.state == nil {
				g.conclude(Inconclusive, ReasonNotFound, fmt.Sprintf("Rollout %s does not exist %s after the gate began: check its name and namespace, and that it was applied", g.Rollout, g.AppearTimeout))
				return nil
			}
		case <-timeout.C:
			g.outOfTime(ctx)
			return nil
		}
		if g.finish(ctx) {
			return nil
		}
		now := time.Now()
		g.measure(ctx, now, checks)
		g.lookAtPods(ctx, now)
		g.tell(now)
		tick.Reset(g.wake(now))
	}
}

// wake is when something is due that no event announces.
func (g *gate) wake(now time.Time) time.Duration {
	next := now.Add(time.Hour)
	for _, c := range g.checks {
		if g.mayMeasure(c) && c.due.Before(next) {
			next = c.due
		}
	}
	times := []time.Time{g.word, g.recheck, g.fails}
	switch {
	case !g.starting():
	case g.suspect != nil:
		times = append(times, g.since.Add(g.Grace))
	case g.ailing == nil:
		times = append(times, g.look)
	}
	if g.trouble != nil { // to conclude
		times = append(times, now.Add(1))
	}
	for _, at := range times {
		if at.After(now) && at.Before(next) {
			next = at
		}
	}
	return max(next.Sub(now), 0)
}

// standing says in one sentence where things are.
func (g *gate) standing() string {
	switch {
	case g.sighted.IsZero():
		return "the cluster has not answered yet"
	case g.state == nil:
		return "Rollout " + g.Rollout + " does not exist"
	}
	said := []string{conclude(g.facts()).message}
	for _, c := range g.checks {
		if n := len(c.result.Measurements); n > 0 && c.result.Measurements[n-1].Message != "" {
			said = append(said, fmt.Sprintf("the last measurement of %s has no answer: %s", c.Name, c.result.Measurements[n-1].Message))
		}
	}
	return few(said)
}

func (g *gate) facts() facts {
	return facts{decision: g.decision, trouble: g.trouble, checks: g.sum(g.end)}
}

// unreadable ends the gate because the cluster cannot be read.
func (g *gate) unreadable(err error) {
	var u *rollout.Unreadable
	if errors.As(err, &u) {
		g.conclude(Inconclusive, u.Reason, u.Message)
		return
	}
	g.conclude(Inconclusive, "cluster_unreachable", fmt.Sprintf("the watch of Rollout %s ended: %v", g.Rollout, err))
}

func (g *gate) conclude(v Verdict, reason, message string) {
	g.result.Verdict, g.result.Reason, g.result.Message = v, reason, message
}
