package host

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"

	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/exit"
)

// Label is on everything that a test bed makes in Docker.
const Label = "io.github.buenhyden.hyaction.testbed"

// The network of the cluster's nodes, on which the registry must be too. The
// platform finds it as it would make it itself: addresses for containers come
// from a small part of it, the rest is for load balancers.
const (
	Network = "kind"
	subnet  = "172.18.0.0/16"
	gateway = "172.18.0.1"
	ipRange = "172.18.0.0/24"
)

// MakeNetwork makes the network, unless it is there with the right subnet.
func MakeNetwork(ctx context.Context, c *client.Client) (engine.Outcome, error) {
	list, err := c.NetworkList(ctx, network.ListOptions{})
	if err != nil {
		return "", err
	}
	want := netip.MustParsePrefix(subnet)
	for _, n := range list {
		for _, config := range n.IPAM.Config {
			have, err := netip.ParsePrefix(config.Subnet)
			switch {
			case err != nil || !have.Overlaps(want):
			case n.Name == Network && have == want:
				return engine.Unchanged, nil
			default:
				return "", exit.BadInputf("the Docker network %q has the subnet %s, which overlaps with %s of the network %q: remove it (docker network rm %[1]s)", n.Name, have, want, Network)
			}
		}
		if n.Name == Network {
			return "", exit.BadInputf("the Docker network %q has another subnet than %s: remove it (docker network rm %[1]s)", Network, subnet)
		}
	}
	_, err = c.NetworkCreate(ctx, Network, network.CreateOptions{
		Driver: "bridge",
		IPAM:   &network.IPAM{Config: []network.IPAMConfig{{Subnet: subnet, Gateway: gateway, IPRange: ipRange}}},
		Labels: map[string]string{Label: "true"},
	})
	if err != nil {
		return "", fmt.Errorf("make the Docker network %s (%s): %w", Network, subnet, err)
	}
	return engine.Created, nil
}

// RemoveNetwork removes the network if MakeNetwork made it.
func RemoveNetwork(ctx context.Context, c *client.Client) (engine.Outcome, error) {
	n, err := c.NetworkInspect(ctx, Network, network.InspectOptions{})
	if errdefs.IsNotFound(err) || err == nil && n.Labels[Label] == "" {
		return engine.Unchanged, nil
	}
	if err != nil {
		return "", err
	}
	if err := c.NetworkRemove(ctx, Network); err != nil {
		return "", fmt.Errorf("remove the Docker network %s: %w", Network, err)
	}
	return engine.Removed, nil
}
