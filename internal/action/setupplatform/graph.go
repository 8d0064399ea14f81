package setupplatform

import (
	"context"
	"time"

	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/plan"
)

// up is the graph of a run: a node for each component, after what it needs.
func (r *run) up() []engine.Node {
	var nodes []engine.Node
	for _, c := range r.plan.Components {
		node := engine.Node{ID: c.Name, Lane: c.Tier, Timeout: time.Duration(c.Timeout), Takes: time.Duration(c.Takes)}
		for _, n := range c.Needs {
			node.Needs = append(node.Needs, n.Name)
		}
		node.Run = func(ctx context.Context, progress func(string)) (engine.Outcome, error) {
			env := r.env
			env.Progress = progress
			return r.o.Drivers[c.Driver].Apply(ctx, c, env)
		}
		nodes = append(nodes, node)
	}
	return r.charts(r.images(nodes))
}

// explained lets nodes say more of what they fail with.
func (r *run) explained(nodes []engine.Node) []engine.Node {
	if r.o.Explain == nil {
		return nodes
	}
	for i, n := range nodes {
		nodes[i].Run = func(ctx context.Context, progress func(string)) (engine.Outcome, error) {
			outcome, err := n.Run(ctx, progress)
			if err != nil {
				err = r.o.Explain(ctx, err)
			}
			return outcome, err
		}
	}
	return nodes
}

// headStart is what each component gets: 4 s of one processor, about what it
// takes to create the pods or containers of one. With all of them at once on two
// cores, the first pod of the longest chain of testbed/bench ran after 8 s, and
// its readiness probe looked at it a period later.
func headStart(p plan.Plan) time.Duration {
	if p.Machine.CPUs == 0 {
		return 0 // nothing of the plan runs on this machine
	}
	return 4 * time.Second / time.Duration(p.Machine.CPUs)
}
