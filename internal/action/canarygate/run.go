package canarygate

import (
	"context"
	"net"
	"time"

	"github.com/buenhyden/hy-home/internal/rollout"
)

// kube is what the gate needs of the cluster.
type kube interface {
	Follow(ctx context.Context, namespace, name string, out chan<- rollout.Sighting) error
	Runs(ctx context.Context, s rollout.State) ([]rollout.Run, error)
	Ailing(ctx context.Context, s rollout.State, out chan<- *rollout.Trouble) error
	Trouble(ctx context.Context, s rollout.State) (*rollout.Trouble, error)
	Abort(ctx context.Context, s rollout.State) error
	Pause(ctx context.Context, s rollout.State) error
	Promote(ctx context.Context, s rollout.State) error
	Forward(namespace, name, port string) func(ctx context.Context, network, address string) (net.Conn, error)
	Secret(ctx context.Context, namespace, name, key string) (string, error)
	FollowApplication(ctx context.Context, namespace, name string, out chan<- rollout.Application) error
	Generation(ctx context.Context, namespace, name string) (int64, error)
	Calls() int
}

// Run watches until there is a verdict. An error means that there is none: bad
// input, or the context ended. A cluster or a Prometheus that does not answer is
// no error but an inconclusive verdict, found within 5 s of the start.
func Run(ctx context.Context, o Options) (Result, error) {
	p, err := o.check()
	if err != nil {
		return Result{}, err
	}
	cluster, err := rollout.Connect(p.Kubeconfig, p.Context, p.Log.Debug)
	if err != nil {
		return Result{}, err
	}
	return run(ctx, p, cluster, nil)
}

// run is Run with what it reaches out to; a nil prom is connected to as planned.
func run(ctx context.Context, p plan, cluster kube, prom prometheus) (Result, error) {
	watching, stop := context.WithCancel(ctx)
	defer stop()
	g := &gate{
		plan: p, cluster: cluster, prom: prom,
		result: Result{Rollout: p.Rollout, Expected: p.image.String(), Weight: -1, Start: time.Now()},
	}
	err := g.watch(watching)
	g.result.End = time.Now()
	g.result.APICalls = cluster.Calls()
	for _, c := range g.checks {
		g.result.Checks = append(g.result.Checks, c.result)
	}
	return g.result, err
}
