// Package network is the driver of Docker networks: it makes a bridge with a
// fixed subnet before anything else could take it. The networks of a machine are
// shared by the platforms on it, each of which holds them; the last one to go
// takes them away.
//
// Settings of a component:
//
//	network   name of the Docker network
//	subnet    IPv4, "172.19.0.0/16"
//	gateway   address of the host in it; the default is the subnet's first
//	ip-range  containers get addresses from this part only; the default is all
//	pool      part that is kept for LoadBalancer Services; the default is none
package network

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/docker"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/netplan"
)

// Driver makes and removes Docker networks.
type Driver struct{ docker *docker.Engine }

// New makes the driver; it connects to the engine when it is first used.
func New(docker *docker.Engine) *Driver { return &Driver{docker} }

var (
	_ engine.Driver      = (*Driver)(nil)
	_ engine.Preflighter = (*Driver)(nil)
)

type settings struct {
	Network string `yaml:"network"`
	Subnet  string `yaml:"subnet"`
	Gateway string `yaml:"gateway"`
	IPRange string `yaml:"ip-range"`
	Pool    string `yaml:"pool"`
}

// Wanted reads a component's settings as the network it asks for.
func Wanted(c catalog.Component) (netplan.Network, error) {
	var s settings
	if err := c.DecodeSettings(&s); err != nil {
		return netplan.Network{}, err
	}
	n, err := netplan.Parse(s.Network, s.Subnet, s.Gateway, s.IPRange)
	if err != nil || s.Pool == "" {
		return n, err
	}
	n.Pool, err = netip.ParsePrefix(s.Pool)
	if err != nil || n.Pool != n.Pool.Masked() || !n.Subnet.Contains(n.Pool.Addr()) || n.Pool.Bits() < n.Subnet.Bits() || n.Range.IsValid() && n.Range.Overlaps(n.Pool) {
		return n, exit.BadInputf("network %s: pool %q is not a part of the subnet %s beside the ip-range", n.Name, s.Pool, n.Subnet)
	}
	return n, nil
}

// fits reports as bad input that an existing network is not as wanted. It is
// never changed: that would mean to cut off whatever is on it.
func fits(want netplan.Network, n network.Inspect) error {
	var subnet, gateway, ipRange string
	if len(n.IPAM.Config) > 0 {
		subnet, gateway, ipRange = n.IPAM.Config[0].Subnet, n.IPAM.Config[0].Gateway, n.IPAM.Config[0].IPRange
	}
	// kind adds an IPv6 subnet of its own; ours is the IPv4 one.
	for _, c := range n.IPAM.Config {
		if p, err := netip.ParsePrefix(c.Subnet); err == nil && p.Addr().Is4() {
			subnet, gateway, ipRange = c.Subnet, c.Gateway, c.IPRange
		}
	}
	if diff := netplan.Differs(want, subnet, gateway, ipRange); diff != "" {
		return exit.BadInputf("Docker network %q exists and %s: remove it (docker network rm %s), or set what it has", n.Name, diff, n.Name)
	}
	return nil
}

// Apply makes the network, or finds that it is there as wanted.
func (d *Driver) Apply(ctx context.Context, c catalog.Component, env engine.Env) (engine.Outcome, error) {
	want, cli, existing, err := d.find(ctx, c)
	if err != nil {
		return "", err
	}
	if existing != nil {
		if err := fits(want, *existing); err != nil {
			return "", err
		}
		if !ours(*existing) {
			return engine.Unchanged, nil
		}
	}
	// Noted first: whoever goes at this moment then leaves it.
	if err := docker.Hold(ctx, cli, env.Name, held(want)); err != nil {
		return "", err
	}
	if existing != nil {
		return engine.Unchanged, nil
	}
	pool := network.IPAMConfig{Subnet: want.Subnet.String(), Gateway: want.Gateway.String()}
	if want.Range.IsValid() {
		pool.IPRange = want.Range.String()
	}
	env.Progress("make network " + want.Name + " " + pool.Subnet)
	_, err = cli.NetworkCreate(ctx, want.Name, network.CreateOptions{
		Driver: "bridge",
		IPAM:   &network.IPAM{Config: []network.IPAMConfig{pool}},
		Labels: map[string]string{docker.PlatformLabel: docker.Shared},
		Options: map[string]string{
			// kind sets it on the network it makes itself: pods leave through the node's address.
			"com.docker.network.bridge.enable_ip_masquerade": "true",
		},
	})
	if err != nil {
		return "", fmt.Errorf("make Docker network %s %s: %w", want.Name, want.Subnet, err)
	}
	return engine.Created, nil
}

// find reads what a component asks for and looks its network up by the exact name;
// nil means there is none. The engine allows several networks of one name, which
// nothing could tell apart.
func (d *Driver) find(ctx context.Context, c catalog.Component) (netplan.Network, *client.Client, *network.Inspect, error) {
	want, err := Wanted(c)
	if err != nil {
		return want, nil, nil, err
	}
	cli, err := d.docker.Client(ctx)
	if err != nil {
		return want, nil, nil, err
	}
	list, err := cli.NetworkList(ctx, network.ListOptions{})
	if err != nil {
		return want, nil, nil, fmt.Errorf("list the Docker networks: %w", err)
	}
	list = slices.DeleteFunc(list, func(n network.Inspect) bool { return n.Name != want.Name })
	switch len(list) {
	case 0:
		return want, cli, nil, nil
	case 1:
		return want, cli, &list[0], nil
	}
	return want, nil, nil, exit.BadInputf("there are %d Docker networks named %q: remove all but one by id (docker network ls)", len(list), want.Name)
}

// ours reports that a platform made the network: this one, or another that shares it.
func ours(n network.Inspect) bool { return n.Labels[docker.PlatformLabel] != "" }

// held is the network's name among all that platforms hold.
func held(n netplan.Network) string { return "network-" + n.Name }

// Remove removes the network if a platform made it and nobody needs it any more:
// no other platform holds it, and no container is on it, be it a stopped one.
// Else it stays as it is, which is no failure, as it is not this platform's alone.
func (d *Driver) Remove(ctx context.Context, c catalog.Component, env engine.Env) (engine.Outcome, error) {
	want, cli, existing, err := d.find(ctx, c)
	if err != nil {
		return "", err
	}
	_, others, err := docker.Release(ctx, cli, env.Name, held(want))
	if err != nil || existing == nil {
		return engine.Unchanged, err
	}
	if !ours(*existing) {
		env.Log.Debug("network stays: no platform made it", "network", want.Name)
		return engine.Unchanged, nil
	}
	if len(others) > 0 {
		env.Warn(fmt.Sprintf("Docker network %s stays: platform %s uses it", want.Name, others[0]))
		return engine.Unchanged, nil
	}
	guests, err := cli.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(
		filters.Arg("network", existing.ID), filters.Arg("network", want.Name), // one that never ran knows the name alone
	)})
	if err != nil {
		return "", fmt.Errorf("list who is on Docker network %s: %w", want.Name, err)
	}
	if len(guests) > 0 {
		env.Warn(fmt.Sprintf("Docker network %s stays: container %s, which this platform did not make, is on it", want.Name, strings.TrimPrefix(guests[0].Names[0], "/")))
		return engine.Unchanged, nil
	}
	env.Progress("remove network " + want.Name)
	if err := cli.NetworkRemove(ctx, existing.ID); err != nil && !errdefs.IsNotFound(err) {
		return "", fmt.Errorf("remove Docker network %s: %w", want.Name, err)
	}
	return engine.Removed, nil
}

// Status says in a word how the network is: "ready", "absent", or what differs.
func (d *Driver) Status(ctx context.Context, c catalog.Component, _ engine.Env) (string, error) {
	want, _, existing, err := d.find(ctx, c)
	switch {
	case err != nil:
		return "", err
	case existing == nil:
		return "absent", nil
	}
	if fault := fits(want, *existing); fault != nil {
		return fault.Error(), nil //nolint:nilerr // the fault is the answer
	}
	return "ready", nil
}
