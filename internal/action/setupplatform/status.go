package setupplatform

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/plan"
	"github.com/buenhyden/hy-home/internal/secrets"
)

// Inspector is a driver that can tell how a component is, without changing
// anything: "ready", "absent", or in a few words what is wrong.
type Inspector interface {
	Status(ctx context.Context, c catalog.Component, env engine.Env) (string, error)
}

// State is how one component is.
type State struct {
	Component catalog.Component
	Text      string // "ready", "absent" or what is wrong
}

// Up reports that nothing is wrong.
func (s State) Up() bool { return s.Text == "ready" }

// statusTimeout bounds the question to one component.
const statusTimeout = 10 * time.Second

// Status asks every recorded component how it is; nil means that the platform
// was never set up, or is gone.
func Status(ctx context.Context, o Options) ([]State, error) {
	if err := checkName(o.Name); err != nil {
		return nil, err
	}
	rec, err := load(o.StateDir)
	if err != nil || len(rec.Components) == 0 {
		return nil, err
	}
	var states []State
	cs := recorded(o.Catalog, rec)
	for _, c := range cs {
		// A driver that cannot tell makes nothing that stays, as a proof does.
		if _, ok := o.Drivers[c.Driver].(Inspector); ok {
			states = append(states, State{Component: c})
		}
	}
	// What the files of a component are filled with, as far as the record tells.
	known, err := values(plan.Plan{Components: cs}, o)
	if err != nil {
		return nil, err
	}
	env := o.env(cs, known)
	if env.Secrets, err = secrets.Stored(o.StateDir, o.Mask); err != nil {
		return nil, err
	}
	var all sync.WaitGroup
	for i := range states {
		all.Go(func() { states[i].Text = o.ask(ctx, states[i].Component, env) })
	}
	all.Wait()
	states = slices.DeleteFunc(states, func(s State) bool { return s.Text == "" })
	return states, ctx.Err()
}

func (o Options) ask(ctx context.Context, c catalog.Component, env engine.Env) string {
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	text, err := o.Drivers[c.Driver].(Inspector).Status(ctx, c, env)
	if err != nil {
		return err.Error()
	}
	return text
}
