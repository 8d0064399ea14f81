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
	measured := make(chan taken, 1)
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
			go func(s shot) { measured <- g.measure(ctx, s) }(g.shot(*g.state, g.query))
		}
		g.askChecks(ctx, now, checks)
		g.lookAtPods(ctx, now)
		tick.Reset(g.wake(now))
	}
}

// sight takes in the Rollout as it is now.
func (g *gate) sight(s rollout.Sighting) {
	g.state, g.sighted = s.State, s.Time
	if s.State == nil {
		g.decision, g.end = rollout.Decision{}, time.Time{}
		g.note(s.Time, "there is no such Rollout")
		return
	}
	g.decision = g.patient(g.decide(*s.State), s.Time)
	container, ok := g.image.Find(s.State.Template(), g.Container)
	if g.image == (rollout.Image{}) && g.judgeable() && len(s.State.Template()) > 0 {
		// The commit is bound: what it runs now is the image from here on, and another
		// one after it is another release.
		container, ok = s.State.Template()[0], true
		if image, err := rollout.ParseImage(container.Image); err == nil {
			g.image, g.result.Expected = image, image.String()
		}
	}
	g.seen = g.seen || ok
	phase, message := rollout.Phase(*s.State)
	step, steps := s.State.Step()
	r := &g.result
	r.Phase, r.PhaseMessage = phase, message
	if ok {
		r.Image = container.Image
	}
	if g.judgeable() {
		if r.PodHash != s.State.Status.PodHash { // what was measured of another revision says nothing of this one
			r.Measurements, g.due, g.suspect = nil, s.Time, nil
			g.began, g.stable, g.looks = time.Time{}, "", 0
			g.resetChecks()
		}
		if g.began.IsZero() && s.State.Status.Updated > 0 {
			g.began = s.Time
		}
		if h := s.State.Status.StableHash; h != "" && h != s.State.Status.PodHash {
			g.stable = h
		}
		r.PodHash, r.Revision, r.Step, r.Steps, r.Weight = s.State.Status.PodHash, s.State.Revision, step, steps, s.State.Weight()
	}
	switch {
	case g.decision.Answer != rollout.Pass:
		g.end = time.Time{}
	case g.end.IsZero():
		g.end, g.due = s.Time, s.Time // the last measurement is due at once
		for _, c := range g.checks {
			c.due = later(s.Time, c.delayed)
		}
	}
	switch st := s.State.Status; {
	case !g.judgeable() || g.decision.Answer != rollout.Wait || st.Available >= st.Replicas:
		g.look, g.suspect = time.Time{}, nil
	case g.look.IsZero():
		g.look = s.Time.Add(firstLook)
	}
	g.note(s.Time, describe(g.decision, phase, message, step, steps, s.State.Weight()))
}

// describe is one line of the log.
func describe(d rollout.Decision, phase, message string, step, steps int, weight int64) string {
	if d.Reason == rollout.ReasonNotExpected {
		return d.Message
	}
	line := phase
	if message != "" {
		line += " (" + message + ")"
	}
	if step > 0 {
		line += fmt.Sprintf(", step %d of %d", step, steps)
	}
	if weight >= 0 {
		line += fmt.Sprintf(", %d %%", weight)
	}
	return line
}

// note records a change, once.
func (g *gate) note(at time.Time, line string) {
	changes := g.result.Changes
	if len(changes) > 0 && changes[len(changes)-1].Text == line {
		return
	}
	g.result.Changes = append(changes, Change{Time: at, Text: line})
	g.Progress(line)
}

// judgeable reports whether what is seen is the expected revision, with a status
// that speaks of it.
func (g *gate) judgeable() bool {
	if g.state == nil || g.state.Status.PodHash == "" {
		return false
	}
	switch g.decision.Reason {
	case rollout.ReasonNotExpected, rollout.ReasonSuperseded, rollout.ReasonUnobserved, rollout.ReasonDeleting:
		return false
	}
	return true
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
		checks: g.sum(),
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
