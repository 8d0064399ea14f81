package canarygate

import (
	"context"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/buenhyden/hy-home/internal/rollout"
)

const (
	firstLook = 3 * time.Second  // after which pods that are not available are watched
	nextLook  = 30 * time.Second // until a watch of them that broke is opened again; doubles each time
)

// unseen is the warning of a gate that may not watch pods, which is a help and not a need.
const unseen = "pods may not be watched, so that one that cannot start is not seen before Argo's deadline: grant list and watch on pods"

// starting reports whether the revision has pods that are to become available.
func (g *gate) starting() bool {
	return g.judgeable() && g.decision.Answer == rollout.Wait && g.state.Status.Available < g.state.Status.Replicas
}

// lookAtPods finds pods that cannot start, long before Argo's own deadline: they
// are watched from the first time on that the revision waits for some, and looked
// at when one was in trouble for as long as is put up with.
func (g *gate) lookAtPods(ctx context.Context, now time.Time) {
	if !g.starting() {
		return
	}
	switch {
	case g.ailing != nil:
	case g.look.IsZero():
		g.look = now.Add(firstLook)
	case !now.Before(g.look):
		g.watchPods(ctx, now)
	}
	if g.suspect == nil || now.Before(g.since.Add(g.Grace)) {
		return
	}
	found, err := g.cluster.Trouble(ctx, *g.state)
	if err != nil { // the permission to list pods is a help, not a need
		g.Log.Debug("look at pods", "error", err)
	}
	if g.suspect = nil; found != nil { // else the next change tells
		g.trouble, g.sighted = found, now
	}
}

// watchPods opens the watch.
func (g *gate) watchPods(ctx context.Context, now time.Time) {
	ctx, g.stopLooking = context.WithCancel(ctx)
	out := make(chan *rollout.Trouble)
	g.ailing = out
	g.look = now.Add(nextLook << min(g.looks, 10)) // one that is refused each time costs few requests
	g.looks++
	fault := new(error) // to be read when out is closed
	g.blind = fault
	go func(s rollout.State) {
		defer close(out)
		if *fault = g.cluster.Ailing(ctx, s, out); *fault != nil {
			g.Log.Debug("watch pods", "error", *fault)
		}
	}(*g.state)
}

// hear takes in what the watch of the pods tells.
func (g *gate) hear(t *rollout.Trouble, open bool, now time.Time) {
	if !open {
		if apierrors.IsForbidden(*g.blind) && !slices.Contains(g.result.Warnings, unseen) {
			g.result.Warnings = append(g.result.Warnings, unseen)
		}
		g.ailing, t = nil, nil
	}
	if t == nil || g.suspect == nil || t.Reason != g.suspect.Reason {
		g.since = now
	}
	g.suspect = t
}

// forgetPods is for when another revision is judged.
func (g *gate) forgetPods() {
	if g.stopLooking != nil {
		g.stopLooking()
	}
	g.ailing, g.suspect, g.look, g.looks = nil, nil, time.Time{}, 0
}
