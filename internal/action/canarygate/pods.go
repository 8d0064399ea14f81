package canarygate

import (
	"context"
	"time"
)

// lookAtPods finds pods that cannot start, long before Argo's own deadline.
func (g *gate) lookAtPods(ctx context.Context, now time.Time) {
	if g.look.IsZero() || now.Before(g.look) {
		return
	}
	g.looks++
	g.look = now.Add(min(g.Grace<<max(0, g.looks-3), lastLook))
	found, err := g.cluster.Trouble(ctx, *g.state)
	if err != nil { // the permission to list pods is a help, not a need
		g.Log.Debug("look at pods", "error", err)
		g.look = time.Time{}
		return
	}
	if found == nil || g.suspect == nil || found.Reason != g.suspect.Reason {
		g.since = now
	}
	if found != nil && g.suspect != nil && now.Sub(g.since) >= g.Grace {
		g.trouble, g.sighted = found, now
		g.look = now // wakes the loop, which concludes
	}
	g.suspect = found
}
