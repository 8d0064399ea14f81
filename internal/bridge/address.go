package bridge

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
)

// Addresses reads from the engine which addresses the running containers have on
// the network, by each of the names that others on it find them by. A scaled
// service has several under one name.
func (b Bridge) Addresses(ctx context.Context) (map[string][]netip.Addr, error) {
	list, err := b.Docker.ContainerList(ctx, container.ListOptions{
		Filters: filters.NewArgs(filters.Arg("network", b.Network), filters.Arg("status", "running")),
	})
	if err != nil {
		return nil, fmt.Errorf("list the containers on docker network %s: %w", b.Network, err)
	}
	found := map[string][]netip.Addr{}
	for _, summary := range list {
		// The list has addresses, but no aliases.
		c, err := b.Docker.ContainerInspect(ctx, summary.ID)
		if errdefs.IsNotFound(err) {
			continue // gone since the list was made
		}
		if err != nil {
			return nil, fmt.Errorf("inspect container %s: %w", strings.Join(summary.Names, ","), err)
		}
		if c.NetworkSettings == nil || c.ContainerJSONBase == nil {
			continue
		}
		at, ok := c.NetworkSettings.Networks[b.Network]
		if !ok {
			continue
		}
		address, err := netip.ParseAddr(at.IPAddress)
		if err != nil {
			continue // it is stopping: running still, and off the network already
		}
		// Engines before 25 know no DNSNames; there the aliases are all of them.
		names := append([]string{strings.TrimPrefix(c.Name, "/")}, at.Aliases...)
		names = append(names, at.DNSNames...)
		slices.Sort(names)
		for _, name := range slices.Compact(names) {
			found[name] = append(found[name], address)
		}
	}
	for _, addresses := range found {
		slices.SortFunc(addresses, netip.Addr.Compare)
	}
	return found, nil
}
