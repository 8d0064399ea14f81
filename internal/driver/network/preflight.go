package network

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"github.com/docker/docker/api/types/network"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/netplan"
)

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
	if err := d.docker.Here(ctx); err != nil {
		return err
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
