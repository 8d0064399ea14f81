package cluster

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/exit"
)

// Preflight checks that no cluster of somebody else's has the platform's name, and
// what a configuration of the user's asks for; it warns of what will bite.
func (d Driver) Preflight(ctx context.Context, cs []catalog.Component, env engine.Env) error {
	for _, c := range cs {
		s, err := settings(c)
		if err != nil {
			return err
		}
		if err := s.checkConfigured(env); err != nil {
			return err
		}
	}
	api, err := d.Docker(ctx)
	if err != nil {
		return err
	}
	_, err = newKind(env).own(ctx, api)
	return err
}

// checkConfigured checks a configuration of the user's against the platform's networks.
func (s Settings) checkConfigured(env engine.Env) error {
	if s.user == nil {
		return nil
	}
	if err := s.checkMounts(); err != nil {
		return err
	}
	if err := s.checkSubnets(env.Values); err != nil {
		return err
	}
	for _, w := range s.warnings(env.Name) {
		env.Warn("kind-config " + s.ConfigFile + ": " + w)
	}
	return nil
}

// checkMounts looks for what would be mounted and is not there.
func (s Settings) checkMounts() error {
	for i, n := range s.user.Nodes {
		for j, m := range n.ExtraMounts {
			if _, err := os.Stat(m.HostPath); err != nil {
				return exit.BadInputf("kind-config %s: nodes[%d].extraMounts[%d]: hostPath %s is not there, and Docker would make it as root: make it before", s.ConfigFile, i, j, m.HostPath)
			}
		}
	}
	return nil
}

// checkSubnets looks for subnets of pods and services that are those of a
// network: what is there could not be reached from a pod.
func (s Settings) checkSubnets(values map[string]string) error {
	type named struct{ name, subnet string }
	all := []named{
		{"networking.podSubnet", orDefault(s.user.Networking.PodSubnet, "10.244.0.0/16")},
		{"networking.serviceSubnet", orDefault(s.user.Networking.ServiceSubnet, "10.96.0.0/16")},
	}
	own := len(all)
	for key, subnet := range values {
		if net, ok := strings.CutSuffix(key, "-subnet"); ok {
			all = append(all, named{"the platform's network " + orDefault(values[net+"-name"], net), subnet})
		}
	}
	slices.SortFunc(all[own:], func(a, b named) int { return strings.Compare(a.name, b.name) })
	for i, a := range all[:own] {
		subnet, err := netip.ParsePrefix(a.subnet)
		if err != nil || !subnet.Addr().Is4() {
			return exit.BadInputf("kind-config %s: %s %q is no IPv4 subnet such as 10.244.0.0/16", s.ConfigFile, a.name, a.subnet)
		}
		for _, b := range all[i+1:] {
			if other, err := netip.ParsePrefix(b.subnet); err == nil && subnet.Overlaps(other) {
				return exit.BadInputf("kind-config %s: %s %s overlaps %s (%s): choose another", s.ConfigFile, a.name, a.subnet, b.name, b.subnet)
			}
		}
	}
	return nil
}

func orDefault(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// warnings are what will bite, each with its cure.
func (s Settings) warnings(platform string) []string {
	var out []string
	if s.user.Name != "" && s.user.Name != platform {
		out = append(out, fmt.Sprintf("name %q is not used: the cluster is called %s, by the input name", s.user.Name, platform))
	}
	var kinds []string
	for _, n := range config(s).Nodes {
		if !slices.Contains(kinds, n.Image) {
			kinds = append(kinds, n.Image)
		}
		if !strings.Contains(n.Image, "@") && (!strings.Contains(n.Image[strings.LastIndex(n.Image, "/")+1:], ":") || strings.HasSuffix(n.Image, ":latest")) {
			out = append(out, fmt.Sprintf("image %s has no fixed version: name a tag, and best its digest", n.Image))
		}
	}
	if len(kinds) > 1 {
		out = append(out, fmt.Sprintf("the nodes have different images (%s): Kubernetes wants a control plane that is not older than its workers, and each image is pulled on its own; name one", strings.Join(kinds, ", ")))
	}
	if a := s.user.Networking.APIServerAddress; a != "" {
		if addr, err := netip.ParseAddr(a); err == nil && !addr.IsLoopback() {
			out = append(out, fmt.Sprintf("networking.apiServerAddress %s opens the API server to whoever reaches this machine: leave it out for 127.0.0.1", a))
		}
	}
	return out
}
