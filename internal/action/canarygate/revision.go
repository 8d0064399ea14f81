package canarygate

import (
	"context"
	"fmt"
	"time"

	"github.com/buenhyden/hy-home/internal/rollout"
)

// nextAsk is when the Rollout is asked again that could not be read.
const nextAsk = 3 * time.Second

// bound says from which generation of the Rollout on the expected commit is what
// it runs: 0 while its Application has not applied it. The Application is watched
// until then, and no longer.
type bound struct {
	generation int64
	failure    string
	err        error
}

// bind waits for the Application.
func (g *gate) bind(ctx context.Context, out chan<- bound) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	apps, lost := make(chan rollout.Application), make(chan error, 1)
	go func() { lost <- g.cluster.FollowApplication(ctx, g.appNamespace, g.appName, apps) }()
	for {
		var b bound
		select {
		case b.err = <-lost: // nil as the context ends
		case app := <-apps:
			b.failure = app.Failure
			if app.At(g.ExpectRevision) {
				b.generation = g.generation(ctx)
			}
		}
		select {
		case out <- b:
		case <-ctx.Done():
			return
		}
		if b.generation > 0 || b.err != nil {
			return
		}
	}
}

// generation is the Rollout's, at least 1: one that is not there yet will be made of
// the commit.
func (g *gate) generation(ctx context.Context) int64 {
	for {
		n, err := g.cluster.Generation(ctx, g.namespace, g.name)
		if err == nil {
			return max(n, 1)
		}
		g.Log.Debug("read the Rollout's generation", "error", err)
		select {
		case <-time.After(nextAsk):
		case <-ctx.Done():
			return 0
		}
	}
}

// decide is what the Rollout says of the release, once it speaks of the commit.
func (g *gate) decide(s rollout.State) rollout.Decision {
	d := rollout.Decide(s, rollout.Expectation{Image: g.image, Container: g.Container, Seen: g.seen, Until: g.until})
	if g.ExpectRevision == "" || (g.bound.generation > 0 && s.Generation >= g.bound.generation) {
		return d
	}
	why := fmt.Sprintf("Application %s has not applied %s yet", g.Application, g.ExpectRevision)
	if g.bound.failure != "" {
		why += ", its last sync failed: " + g.bound.failure
	}
	return rollout.Decision{Answer: rollout.Wait, Reason: rollout.ReasonNotExpected, Message: why}
}
