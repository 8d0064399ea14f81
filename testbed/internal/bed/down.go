package bed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"

	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/run"
	"github.com/buenhyden/hy-home/testbed/internal/host"
	"github.com/buenhyden/hy-home/testbed/plain"
)

// Down stops what Up started, in the reverse order. Built artifacts and an
// engine's images stay, unless purge is set. An engine that Up found running is
// left running.
func (b *Bed) Down(ctx context.Context, purge bool, observe func(engine.Event)) error {
	nodes := []engine.Node{step("plain", nil, func(context.Context, func(string)) (engine.Outcome, error) { return b.plainDown() })}
	if _, err := b.engine.Client(ctx); err == nil {
		nodes = append(nodes,
			step("cluster", nil, b.platformDown),
			step("registry", []string{"cluster"}, b.withDocker(func(ctx context.Context, c *client.Client, _ func(string)) (engine.Outcome, error) {
				return host.RemoveRegistry(ctx, c)
			})),
			step("network", []string{"registry"}, b.withDocker(func(ctx context.Context, c *client.Client, _ func(string)) (engine.Outcome, error) {
				return host.RemoveNetwork(ctx, c)
			})),
			step("fence", []string{"network"}, func(ctx context.Context, _ func(string)) (engine.Outcome, error) {
				return host.Fence{Runner: b.runner}.Lower(ctx)
			}),
			step("docker", []string{"fence"}, b.dockerd().Stop),
		)
	}
	if purge {
		nodes = append(nodes, step("cache", ids(nodes), func(context.Context, func(string)) (engine.Outcome, error) {
			return engine.Removed, os.RemoveAll(b.cache)
		}))
	}
	_, err := engine.Run(ctx, nodes, engine.Options{Observe: observe})
	return err
}

func (b *Bed) plainDown() (engine.Outcome, error) {
	p, err := plain.Open(b.PlainDir())
	if errors.Is(err, os.ErrNotExist) {
		return engine.Unchanged, nil
	}
	if err != nil {
		return "", err
	}
	return engine.Removed, p.Down()
}

// platformDown takes a platform away that still stands on the bed, whoever made
// it: its containers would hold the network.
func (b *Bed) platformDown(ctx context.Context, progress func(string)) (engine.Outcome, error) {
	c, err := b.engine.Client(ctx)
	if err != nil {
		return "", err
	}
	nodes, err := c.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", "io.x-k8s.kind.cluster="+Platform))})
	if err != nil {
		return "", fmt.Errorf("look for the nodes of platform %s: %w", Platform, err)
	}
	if len(nodes) == 0 {
		return engine.Unchanged, nil
	}
	if _, err := b.buildHyaction(ctx, progress); err != nil {
		return "", err
	}
	_, err = b.runner.Run(ctx, run.Cmd{Name: b.hyaction(), Args: []string{"platform", "down", "--name", Platform}, Stdout: lines(progress)})
	return engine.Removed, err
}

// Status writes one line for each piece of the bed.
func (b *Bed) Status(ctx context.Context, out io.Writer) error {
	say := func(what, state string) { fmt.Fprintf(out, "%-34s %s\n", what, state) }
	say("cache", b.cache)
	if p, err := plain.Open(b.PlainDir()); err == nil {
		say("plain", "up, kubeconfig "+p.Kubeconfig)
	} else {
		say("plain", "down")
	}
	c, err := b.engine.Client(ctx)
	if err != nil {
		say("docker", "down")
		return nil
	}
	say("docker", "up, API "+c.ClientVersion()+", "+c.DaemonHost())
	contents, err := b.contents()
	if err != nil {
		return err
	}
	for _, i := range contents.images {
		switch {
		case host.HasImage(ctx, c, i.name, i.artifact.Key()):
			say(i.name, "in the engine")
		case b.store.Has(i.artifact):
			say(i.name, "built")
		default:
			say(i.name, "not built")
		}
	}
	state := host.Inspect(ctx, c, b.runner)
	say("network "+host.Network, state.Network)
	say("fence", state.Fence)
	say("registry "+host.RegistryAddr, state.Registry)
	return nil
}
