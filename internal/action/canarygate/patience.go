package canarygate

import (
	"strings"
	"time"

	"github.com/buenhyden/hy-home/internal/rollout"
)

// invalidPatience is how long something that a Rollout names may be missing. It
// is often applied a moment after the Rollout, and Argo looks at an invalid one
// again only after 20 s (enqueueRolloutAfter in rollout/controller.go).
const invalidPatience = 45 * time.Second

// grace is how long a failure may last that a Rollout can recover from: an analysis
// template or a Service that is "not found" while the spec is still being applied,
// and a missed deadline, which Argo takes back when pods become available after
// all. Where the Rollout says progressDeadlineAbort, Argo aborts it at once, and
// that is another failure.
func (g *gate) grace(d rollout.Decision) time.Duration {
	switch {
	case d.Reason == rollout.ReasonInvalidSpec && strings.Contains(d.Message, "not found"):
		return invalidPatience
	case d.Reason == rollout.ReasonDeadline:
		return g.DeadlineGrace
	}
	return 0
}

// patient takes such a failure for a wait until its grace ends.
func (g *gate) patient(d rollout.Decision, now time.Time) rollout.Decision {
	grace := g.grace(d)
	if grace == 0 {
		g.borne, g.fails = "", time.Time{}
		return d
	}
	if g.borne != d.Reason {
		g.borne, g.fails = d.Reason, now.Add(grace)
	}
	d.Answer = rollout.Wait
	if !now.Before(g.fails) {
		d.Answer = rollout.Fail
	}
	return d
}
