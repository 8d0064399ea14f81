// Package network is the driver of Docker networks: it makes a bridge with a
// fixed subnet before anything else could take it.
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
	"net"
	"net/netip"

	"github.com/containerd/errdefs"
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
		return netplan.Network{}, exit.BadInputf("%w", err)
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

// Preflight checks the wanted subnets against each other, against every other
// Docker network and against the machine's own interfaces: Docker would take a
// subnet that a VPN uses, and cut the machine off from it.
func (d *Driver) Preflight(ctx context.Context, cs []catalog.Component, _ engine.Env) error {
	var wanted []netplan.Network
	own := map[string]bool{}
	for _, c := range cs {
		w, err := Wanted(c)
		if err != nil {
			return err
		}
		wanted = append(wanted, w)
		own[w.Name] = true
	}
	if len(wanted) == 0 {
		return nil
	}
	cli, err := d.docker.Client(ctx)
	if err != nil {
		return err
	}
	existing, err := cli.NetworkList(ctx, network.ListOptions{})
	if err != nil {
		return fmt.Errorf("list the Docker networks: %w", err)
	}
	var taken []netplan.Taken
	gateways := map[netip.Addr]bool{}
	for _, n := range existing {
		for _, c := range n.IPAM.Config {
			subnet, err := netip.ParsePrefix(c.Subnet)
			if err != nil {
				continue // a network without addresses takes none
			}
			if gw, err := netip.ParseAddr(c.Gateway); err == nil {
				gateways[gw] = true
			}
			if !own[n.Name] {
				taken = append(taken, netplan.Taken{Name: fmt.Sprintf("Docker network %q", n.Name), Subnet: subnet.Masked()})
			}
		}
	}
	interfaces, err := interfaceSubnets(gateways)
	if err != nil {
		return err
	}
	if err := netplan.Check(wanted, append(taken, interfaces...)); err != nil {
		return err
	}
	for _, w := range wanted {
		for _, n := range existing {
			if n.Name == w.Name {
				if err := fits(w, n); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// interfaceSubnets lists the machine's IPv4 subnets without Docker's own
// bridges, which are known by their gateway address.
func interfaceSubnets(gateways map[netip.Addr]bool) ([]netplan.Taken, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list the network interfaces: %w", err)
	}
	var taken []netplan.Taken
	for _, i := range interfaces {
		addrs, err := i.Addrs()
		if err != nil {
			continue // an interface that went away in between
		}
		for _, a := range addrs {
			p, err := netip.ParsePrefix(a.String())
			if err == nil && p.Addr().Is4() && !gateways[p.Addr()] {
				taken = append(taken, netplan.Taken{Name: "interface " + i.Name, Subnet: p.Masked()})
			}
		}
	}
	return taken, nil
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
	want, err := Wanted(c)
	if err != nil {
		return "", err
	}
	cli, err := d.docker.Client(ctx)
	if err != nil {
		return "", err
	}
	existing, err := find(ctx, cli, want.Name)
	if err != nil {
		return "", err
	}
	if existing != nil {
		return engine.Unchanged, fits(want, *existing)
	}
	pool := network.IPAMConfig{Subnet: want.Subnet.String(), Gateway: want.Gateway.String()}
	if want.Range.IsValid() {
		pool.IPRange = want.Range.String()
	}
	env.Progress("make network " + want.Name + " " + pool.Subnet)
	_, err = cli.NetworkCreate(ctx, want.Name, network.CreateOptions{
		Driver: "bridge",
		IPAM:   &network.IPAM{Config: []network.IPAMConfig{pool}},
		Labels: map[string]string{docker.PlatformLabel: env.Name},
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

// find looks a network up by its exact name; nil means there is none. The
// engine allows several networks of one name, which nothing could tell apart.
func find(ctx context.Context, cli client.NetworkAPIClient, name string) (*network.Inspect, error) {
	list, err := cli.NetworkList(ctx, network.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list the Docker networks: %w", err)
	}
	var found []network.Inspect
	for _, n := range list {
		if n.Name == name {
			found = append(found, n)
		}
	}
	switch len(found) {
	case 0:
		return nil, nil
	case 1:
		return &found[0], nil
	default:
		return nil, exit.BadInputf("there are %d Docker networks named %q: remove all but one by id (docker network ls)", len(found), name)
	}
}

// Remove removes the network if this platform made it and nobody is left on
// it; anything else stays as it is.
func (d *Driver) Remove(ctx context.Context, c catalog.Component, env engine.Env) (engine.Outcome, error) {
	want, err := Wanted(c)
	if err != nil {
		return "", err
	}
	cli, err := d.docker.Client(ctx)
	if err != nil {
		return "", err
	}
	existing, err := find(ctx, cli, want.Name)
	if err != nil || existing == nil {
		return engine.Unchanged, err
	}
	if owner := existing.Labels[docker.PlatformLabel]; owner != env.Name {
		env.Log.Debug("network stays: not made by this platform", "network", want.Name, "owner", owner)
		return engine.Unchanged, nil
	}
	full, err := cli.NetworkInspect(ctx, existing.ID, network.InspectOptions{})
	if err != nil && !errdefs.IsNotFound(err) {
		return "", fmt.Errorf("inspect Docker network %s: %w", want.Name, err)
	}
	if n := len(full.Containers); n > 0 {
		for _, guest := range full.Containers {
			return "", fmt.Errorf("remove Docker network %s: %d containers that this platform did not make are on it, such as %s: stop them or disconnect them first", want.Name, n, guest.Name)
		}
	}
	env.Progress("remove network " + want.Name)
	if err := cli.NetworkRemove(ctx, existing.ID); err != nil && !errdefs.IsNotFound(err) {
		return "", fmt.Errorf("remove Docker network %s: %w", want.Name, err)
	}
	return engine.Removed, nil
}

// Status says in a word how the network is: "ready", "absent", or what differs.
func (d *Driver) Status(ctx context.Context, c catalog.Component, _ engine.Env) (string, error) {
	want, err := Wanted(c)
	if err != nil {
		return "", err
	}
	cli, err := d.docker.Client(ctx)
	if err != nil {
		return "", err
	}
	existing, err := find(ctx, cli, want.Name)
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
