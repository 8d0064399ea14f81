package canarygate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/buenhyden/hy-home/internal/rollout"
)

// nextAsk is how often the Application is asked whether it is at the commit.
const nextAsk = 3 * time.Second

// bound says from which generation of the Rollout on the expected commit is what
// it runs: 0 while its Application has not applied it. It is asked until then and
// never again.
type bound struct {
	generation int64
	failure    string
	err        error
}

// bind waits for the Application.
func (g *gate) bind(ctx context.Context, out chan<- bound) {
	s := rollout.State{Namespace: g.namespace, Name: g.name}
	for {
		app, generation, err := g.cluster.Application(ctx, g.appNamespace, g.appName, s)
		var unreadable *rollout.Unreadable
		b := bound{failure: app.Failure}
		switch {
		case errors.As(err, &unreadable):
			b.err = err
		case err != nil:
			g.Log.Debug("ask the Application", "error", err)
		case app.At(g.ExpectRevision):
			b.generation = max(generation, 1)
		}
		select {
		case out <- b:
		case <-ctx.Done():
			return
		}
		if b.generation > 0 || b.err != nil {
			return
		}
		select {
		case <-time.After(nextAsk):
		case <-ctx.Done():
			return
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
