package compose

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/netplan"
)

// platformNetworks are the networks that the platform makes, by their name.
func platformNetworks(values map[string]string) (map[string]netplan.Network, error) {
	nets := map[string]netplan.Network{}
	for key, name := range values {
		of, ok := strings.CutSuffix(key, "-name")
		if !ok || values[of+"-subnet"] == "" {
			continue
		}
		n, err := netplan.Parse(name, values[of+"-subnet"], values[of+"-gateway"], values[of+"-ip-range"])
		if err != nil {
			return nil, err
		}
		if pool := values[of+"-pool"]; pool != "" {
			if n.Pool, err = netip.ParsePrefix(pool); err != nil {
				return nil, fmt.Errorf("network %s: pool: %w", name, err)
			}
		}
		nets[name] = n
	}
	return nets, nil
}

// resolveNetworks takes networks that the platform makes for what they are, also
// where the files would make them: a network of that name is there by then.
func (u *userProject) resolveNetworks() error {
	ours, err := platformNetworks(u.env.Values)
	if err != nil {
		return err
	}
	for _, key := range u.NetworkNames() {
		n := u.Networks[key]
		if _, ok := ours[n.Name]; ok && !bool(n.External) {
			u.Networks[key] = types.NetworkConfig{Name: n.Name, External: true}
			continue
		}
		if bool(n.External) {
			continue
		}
		for _, pool := range n.Ipam.Config {
			subnet, err := netip.ParsePrefix(pool.Subnet)
			if err != nil {
				continue // Docker chooses
			}
			for _, own := range ours {
				if subnet.Overlaps(own.Subnet) {
					return exit.BadInputf("%s: network %s (%s) overlaps the platform's network %s (%s): use that one (external: true, name: %s), or set another subnet",
						u.at("networks", key), key, subnet, own.Name, own.Subnet, own.Name)
				}
			}
		}
	}
	return nil
}

// checkNetworks checks that external networks exist and that fixed addresses can
// be had: each once, inside its network, and from no range that others are given
// addresses of.
func (u *userProject) checkNetworks(ctx context.Context, cli client.NetworkAPIClient) error {
	known, err := platformNetworks(u.env.Values)
	if err != nil {
		return err
	}
	for _, key := range u.NetworkNames() {
		n := u.Networks[key]
		if _, ours := known[n.Name]; ours {
			continue
		}
		if bool(n.External) {
			there, err := cli.NetworkInspect(ctx, n.Name, network.InspectOptions{})
			if errdefs.IsNotFound(err) {
				return exit.BadInputf("%s: network %s is external and does not exist, and no component of the profile makes it: docker network create %s, or leave external out", u.at("networks", key), n.Name, n.Name)
			}
			if err != nil {
				return fmt.Errorf("look for Docker network %s: %w", n.Name, err)
			}
			for _, pool := range there.IPAM.Config {
				if p, err := netplan.Parse(n.Name, pool.Subnet, pool.Gateway, pool.IPRange); err == nil {
					known[n.Name] = p
				}
			}
			continue
		}
		for _, pool := range n.Ipam.Config {
			if p, err := netplan.Parse(n.Name, pool.Subnet, pool.Gateway, pool.IPRange); err == nil {
				known[n.Name] = p
			}
		}
	}
	taken := map[netip.Addr]string{}
	for _, name := range u.ServiceNames() {
		s := u.Services[name]
		for _, key := range sortedKeys(s.Networks) {
			if s.Networks[key] == nil || s.Networks[key].Ipv4Address == "" {
				continue
			}
			pos := u.at("services", name, "networks", key, "ipv4_address")
			addr, err := netip.ParseAddr(s.Networks[key].Ipv4Address)
			if err != nil {
				return exit.BadInputf("%s: service %s: %q is no IPv4 address", pos, name, s.Networks[key].Ipv4Address)
			}
			if other, twice := taken[addr]; twice {
				return exit.BadInputf("%s: service %s has the address %s of service %s: give it another", pos, name, addr, other)
			}
			taken[addr] = name
			n, ok := known[u.Networks[key].Name]
			if !ok {
				return exit.BadInputf("%s: service %s has the fixed address %s on network %s, which has no fixed subnet: set one (ipam.config.subnet)", pos, name, addr, key)
			}
			if why := unfit(addr, n); why != "" {
				return exit.BadInputf("%s: service %s cannot have the address %s: %s", pos, name, addr, why)
			}
		}
	}
	return nil
}

// unfit says why a container cannot have an address, with the cure, or "".
func unfit(addr netip.Addr, n netplan.Network) string {
	switch {
	case !n.Subnet.Contains(addr) || addr == n.Subnet.Addr():
		return fmt.Sprintf("network %s is %s: choose an address of that", n.Name, n.Subnet)
	case addr == n.Gateway:
		return fmt.Sprintf("it is the gateway of network %s: choose another", n.Name)
	case n.Range.IsValid() && n.Range != n.Subnet && n.Range.Contains(addr):
		return fmt.Sprintf("network %s gives addresses of %s to whatever comes first: choose one of %s outside of that", n.Name, n.Range, n.Subnet)
	case n.Pool.IsValid() && n.Pool.Contains(addr):
		return fmt.Sprintf("%s is for LoadBalancer Services: choose an address of %s outside of that", n.Pool, n.Subnet)
	}
	return ""
}
