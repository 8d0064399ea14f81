// Package bridge is the driver of the component that lets the cluster's pods
// reach the data tier: see [github.com/buenhyden/hy-home/internal/bridge].
package bridge

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/docker/docker/client"
	"golang.org/x/sync/errgroup"

	"github.com/buenhyden/hy-home/internal/bridge"
	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/exit"
)

// Driver is the [engine.Driver] that joins nodes and data tier.
type Driver struct {
	Docker func(context.Context) (*client.Client, error)
}

// Settings are what component.yaml may say.
type Settings struct {
	Network string `yaml:"network"` // the data tier's Docker network
}

// open reads a component's settings and finds the nodes of the cluster.
func (d Driver) open(ctx context.Context, c catalog.Component, env engine.Env) (bridge.Bridge, []string, error) {
	var s Settings
	if err := c.DecodeSettings(&s); err != nil {
		return bridge.Bridge{}, nil, err
	}
	if s.Network == "" {
		return bridge.Bridge{}, nil, exit.BadInputf("component %s: settings.network is empty: name the data tier's Docker network", c.Name)
	}
	api, err := d.Docker(ctx)
	if err != nil {
		return bridge.Bridge{}, nil, err
	}
	b := bridge.Bridge{Docker: api, Cluster: env.Name, Network: s.Network}
	nodes, err := b.Nodes(ctx)
	return b, nodes, err
}

// Apply joins every node to the network.
func (d Driver) Apply(ctx context.Context, c catalog.Component, env engine.Env) (engine.Outcome, error) {
	b, nodes, err := d.open(ctx, c, env)
	if err != nil {
		return "", err
	}
	if len(nodes) == 0 {
		return "", fmt.Errorf("cluster %s has no running node to join to docker network %s", env.Name, b.Network)
	}
	env.Progress("joining the nodes to " + b.Network)
	var joined atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for _, node := range nodes {
		g.Go(func() error {
			changed, err := b.Join(ctx, node)
			if changed {
				joined.Add(1)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return "", err
	}
	switch int(joined.Load()) {
	case 0:
		return engine.Unchanged, nil
	case len(nodes):
		return engine.Created, nil
	default:
		return engine.Configured, nil
	}
}

// Remove takes the nodes off the network.
func (d Driver) Remove(ctx context.Context, c catalog.Component, env engine.Env) (engine.Outcome, error) {
	b, nodes, err := d.open(ctx, c, env)
	if err != nil {
		return "", err
	}
	outcome := engine.Unchanged
	for _, node := range nodes {
		left, err := b.Leave(ctx, node)
		if err != nil {
			return "", err
		}
		if left {
			outcome = engine.Removed
		}
	}
	return outcome, nil
}

// Status names the nodes that are not on the network.
func (d Driver) Status(ctx context.Context, c catalog.Component, env engine.Env) (string, error) {
	b, nodes, err := d.open(ctx, c, env)
	if err != nil {
		return "", err
	}
	var off []string
	for _, node := range nodes {
		on, err := b.Joined(ctx, node)
		if err != nil {
			return "", err
		}
		if !on {
			off = append(off, node)
		}
	}
	switch {
	case len(nodes) == 0, len(off) == len(nodes):
		return "absent", nil
	case len(off) > 0:
		return "not joined: " + strings.Join(off, ", "), nil
	}
	return "ready", nil
}
