// Package netplan decides about subnets: whether the networks a platform wants
// are sound, and whether they clash with what the machine already has.
//
// It is pure: what exists is handed in.
package netplan

import (
	"cmp"
	"fmt"
	"net/netip"

	"github.com/buenhyden/hy-home/internal/exit"
)

// Network is one IPv4 network a platform wants.
type Network struct {
	Name    string // of the Docker network
	Subnet  netip.Prefix
	Gateway netip.Addr
	Pool    netip.Prefix // for LoadBalancer Services: no container may have one of these; zero means none
	Range   netip.Prefix // containers get addresses from here only; zero means the whole subnet
}

// Taken is a subnet that exists on the machine already.
type Taken struct {
	Name   string // for people: `Docker network "bridge"`, "interface eth0"
	Subnet netip.Prefix
}

// Parse makes a network of its texts. gateway and ipRange may be empty: the
// gateway is then the subnet's first address. A fault is bad input and names
// the field, its value and what would be right.
func Parse(name, subnet, gateway, ipRange string) (Network, error) {
	n := Network{Name: name}
	if name == "" {
		return n, exit.BadInputf("a network needs a name")
	}
	var err error
	if n.Subnet, err = netip.ParsePrefix(subnet); err != nil || !n.Subnet.Addr().Is4() || n.Subnet != n.Subnet.Masked() {
		return n, exit.BadInputf("network %s: subnet %q is not an IPv4 subnet such as 172.19.0.0/16", name, subnet)
	}
	// Below /28 there is no room for six containers, a gateway and the broadcast address.
	if n.Subnet.Bits() > 28 {
		return n, exit.BadInputf("network %s: subnet %s is too small: /28 or wider is needed", name, n.Subnet)
	}
	n.Gateway = n.Subnet.Addr().Next()
	if gateway != "" {
		if n.Gateway, err = netip.ParseAddr(gateway); err != nil || !n.Subnet.Contains(n.Gateway) || n.Gateway == n.Subnet.Addr() {
			return n, exit.BadInputf("network %s: gateway %q is not an address of the subnet %s", name, gateway, n.Subnet)
		}
	}
	if ipRange != "" {
		n.Range, err = netip.ParsePrefix(ipRange)
		if err != nil || n.Range != n.Range.Masked() || n.Range.Bits() < n.Subnet.Bits() || !n.Subnet.Contains(n.Range.Addr()) {
			return n, exit.BadInputf("network %s: ip-range %q is not a part of the subnet %s", name, ipRange, n.Subnet)
		}
	}
	return n, nil
}

// Check reports the first clash: between two wanted networks, or between a
// wanted one and one that is taken. Both are named, with the cure.
func Check(wanted []Network, taken []Taken) error {
	for i, w := range wanted {
		for _, o := range wanted[:i] {
			if w.Name == o.Name {
				return exit.BadInputf("network %s is wanted twice", w.Name)
			}
			if w.Subnet.Overlaps(o.Subnet) {
				return exit.BadInputf("network %s (%s) overlaps network %s (%s): give one of them another subnet", w.Name, w.Subnet, o.Name, o.Subnet)
			}
		}
		for _, t := range taken {
			if w.Subnet.Overlaps(t.Subnet) {
				return exit.BadInputf("subnet %s of network %s is taken by %s (%s): remove that, or set another subnet", w.Subnet, w.Name, t.Name, t.Subnet)
			}
		}
	}
	return nil
}

// Differs reports what differs between a wanted network and one that exists under
// its name, as a phrase; "" means it is as wanted.
func Differs(want Network, subnet, gateway, ipRange string) string {
	wantRange := ""
	if want.Range.IsValid() {
		wantRange = want.Range.String()
	}
	switch {
	case subnet != want.Subnet.String():
		return fmt.Sprintf("has subnet %s instead of %s", cmp.Or(subnet, "none"), want.Subnet)
	case gateway != want.Gateway.String():
		return fmt.Sprintf("has gateway %s instead of %s", cmp.Or(gateway, "none"), want.Gateway)
	case ipRange != wantRange:
		return fmt.Sprintf("has ip-range %s instead of %s", cmp.Or(ipRange, "none"), cmp.Or(wantRange, "none"))
	}
	return ""
}
