package canarygate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/rollout"
)

const (
	firstLook = 3 * time.Second  // after which pods that are not available are looked at
	lastLook  = 30 * time.Second // the longest time between two looks: a slow start costs few requests
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

	ready     bool      // Prometheus answered, or is not needed
	measuring bool      // a measurement is under way
	due       time.Time // of the next one
	look      time.Time // of the next look at pods; zero when they are available
	word      time.Time // of the next word about a pause; zero when there is none
	recheck   time.Time // of AnalysisRuns that are not at their end although the Rollout is
	invalid   time.Time // since when the spec names something that is not there
	suspect   *rollout.Trouble
	since     time.Time // when the suspect was first seen
	looks     int
	began     time.Time // when the revision was first there to be measured
	stable    string    // hash of the revision it replaces
	trouble   *rollout.Trouble
	bound     bound
}

// watch is the gate's one loop: every event updates what is known, then
// conclude is asked again.
func (g *gate) watch(ctx context.Context) error {
	sightings := make(chan rollout.Sighting)
	lost := make(chan error, 1)
	go func() { lost <- g.cluster.Follow(ctx, g.namespace, g.name, sightings) }()
	measured := make(chan checked, 1)
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
		case m := <-measured:
			g.count(m)
		case m := <-checks:
			g.countCheck(m)
		case <-tick.C:
			g.decision = g.patient(g.decision, time.Now())
		case <-appear.C:
			if g.state == nil {
				g.conclude(Inconclusive, ReasonNotFound, fmt.Sprintf("Rollout %s does not exist %s after the gate began: check its name and namespace, and that it was applied", g.Rollout, g.AppearTimeout))
				return nil
			}
		case <-timeout.C:
			g.conclude(Inconclusive, ReasonTimeout, fmt.Sprintf("out of time after %s: %s", g.Timeout, g.standing()))
			return nil
		}
		if g.finish(ctx) {
			return nil
		}
		now := time.Now()
		if g.mayMeasure() && !now.Before(g.due) {
			g.measuring, g.due = true, now.Add(g.Interval)
			go func(s shot) { measured <- g.measure(ctx, s) }(g.shot(*g.state, now, g.query))
		}
		g.askChecks(ctx, now, checks)
		g.lookAtPods(ctx, now)
		g.tell(now)
		tick.Reset(g.wake(now))
	}
}

// wake is when something is due that no event announces.
func (g *gate) wake(now time.Time) time.Duration {
	next := now.Add(time.Hour)
	if g.mayMeasure() && g.due.Before(next) {
		next = g.due
	}
	for _, c := range g.checks {
		if g.mayCheck(c) && c.due.Before(next) {
			next = c.due
		}
	}
	if !g.look.IsZero() && g.look.Before(next) {
		next = g.look
	}
	for _, at := range []time.Time{g.word, g.recheck} {
		if at.After(now) && at.Before(next) {
			next = at
		}
	}
	if until := g.invalid.Add(invalidPatience); !g.invalid.IsZero() && g.decision.Answer == rollout.Wait && until.Before(next) {
		next = until
	}
	return max(next.Sub(now), 0)
}

func (g *gate) mayMeasure() bool {
	return g.measures && g.ready && !g.measuring && g.judgeable()
}

// standing says in one sentence where things are.
func (g *gate) standing() string {
	if g.state == nil {
		return "Rollout " + g.Rollout + " does not exist"
	}
	said := conclude(g.facts()).message
	if n := len(g.result.Measurements); n > 0 && g.result.Measurements[n-1].Message != "" {
		said += "; the last measurement has no answer: " + g.result.Measurements[n-1].Message
	}
	return said
}

func (g *gate) facts() facts {
	return facts{
		decision: g.decision, trouble: g.trouble, end: g.end,
		measures: g.measures, measurements: g.result.Measurements, limits: g.limits,
		checks: g.sum(g.end),
	}
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
