package canarygate

import (
	"cmp"
	"fmt"
	"time"

	"github.com/buenhyden/hy-home/internal/rollout"
)

// sight takes in the Rollout as it is now.
func (g *gate) sight(s rollout.Sighting) {
	g.state, g.sighted = s.State, s.Time
	if s.State == nil {
		g.decision, g.end = rollout.Decision{}, time.Time{}
		g.note(Change{Time: s.Time, Text: "there is no such Rollout"})
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
	change := Change{Time: s.Time, Text: describe(g.decision, *s.State)}
	r := &g.result
	r.Phase, r.PhaseMessage = phase, message
	if ok {
		r.Image = container.Image
	}
	if g.judgeable() {
		if r.PodHash != s.State.Status.PodHash { // what was measured of another revision says nothing of this one
			g.began, g.stable = time.Time{}, ""
			g.forgetPods()
			g.resetChecks()
		}
		if g.began.IsZero() && s.State.Status.Updated > 0 {
			g.began = s.Time
		}
		if h := s.State.Status.StableHash; h != "" && h != s.State.Status.PodHash {
			g.stable = h
		}
		r.PodHash, r.Revision, r.Step, r.Steps, r.Weight = s.State.Status.PodHash, s.State.Revision, step, steps, s.State.Weight()
		change.Step, change.Weight = step, max(0, r.Weight)
	}
	switch {
	case g.decision.Answer != rollout.Pass:
		g.end = time.Time{}
	case g.end.IsZero():
		g.end = s.Time
		for _, c := range g.checks { // the last measurement is due at once
			c.due = later(s.Time, c.delayed)
		}
	}
	g.note(change)
}

// describe is one line of the log: where the Rollout is, and what Argo measures.
func describe(d rollout.Decision, s rollout.State) string {
	if d.Reason == rollout.ReasonNotExpected {
		return d.Message
	}
	line, message := rollout.Phase(s)
	if message != "" {
		line += " (" + message + ")"
	}
	if step, steps := s.Step(); step > 0 {
		line += fmt.Sprintf(", step %d of %d", step, steps)
	}
	if weight := s.Weight(); weight >= 0 {
		line += fmt.Sprintf(", %d %%", weight)
	}
	for _, a := range s.Status.Analyses {
		line += fmt.Sprintf(", AnalysisRun %s %s", a.Name, cmp.Or(a.Phase, "Pending"))
	}
	return line
}

// note records a change, once.
func (g *gate) note(c Change) {
	changes := g.result.Changes
	if len(changes) > 0 && changes[len(changes)-1].Text == c.Text {
		return
	}
	g.result.Changes = append(changes, c)
	g.Progress(c.Text + g.left(c.Time))
}

// judgeable reports whether what is seen is the expected revision, with a status
// that speaks of it.
func (g *gate) judgeable() bool {
	return g.state != nil && g.state.Status.PodHash != "" && g.decision.Speaks()
}
