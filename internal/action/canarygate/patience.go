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

// patient takes a Rollout whose analysis template or Service is "not found" for
// one whose spec is still being applied, until patience ends.
func (g *gate) patient(d rollout.Decision, now time.Time) rollout.Decision {
	if d.Reason != rollout.ReasonInvalidSpec || !strings.Contains(d.Message, "not found") {
		g.invalid = time.Time{}
		return d
	}
	if g.invalid.IsZero() {
		g.invalid = now
	}
	d.Answer = rollout.Wait
	if !now.Before(g.invalid.Add(invalidPatience)) {
		d.Answer = rollout.Fail
	}
	return d
}
