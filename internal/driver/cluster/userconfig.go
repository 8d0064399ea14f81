package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"
	"sigs.k8s.io/kind/pkg/cluster/nodes"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/exit"
)

var (
	_ engine.Preflighter = Driver{}
	_ engine.Describer   = Driver{}
)

// parseConfig reads a kind configuration of the user's as kind does: strictly.
func parseConfig(s Settings) (*v1alpha4.Cluster, error) {
	c := &v1alpha4.Cluster{}
	d := yaml.NewDecoder(strings.NewReader(s.Config))
	d.KnownFields(true)
	if err := d.Decode(c); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, exit.BadInputf("kind-config %s is empty", s.ConfigFile)
		}
		var te *yaml.TypeError
		if errors.As(err, &te) {
			return nil, exit.BadInputf("kind-config %s: %s", s.ConfigFile, strings.ReplaceAll(strings.Join(te.Errors, "; "), " in type v1alpha4.", " in "))
		}
		return nil, exit.BadInputf("kind-config %s: %s", s.ConfigFile, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if c.Kind != "Cluster" || c.APIVersion != "kind.x-k8s.io/v1alpha4" {
		return nil, exit.BadInputf("kind-config %s is a %q of %q: it must be a Cluster of kind.x-k8s.io/v1alpha4", s.ConfigFile, c.Kind, c.APIVersion)
	}
	return c, s.checkConfig(c)
}

// checkConfig refuses what cannot work in a platform.
func (s Settings) checkConfig(c *v1alpha4.Cluster) error {
	bad := func(format string, args ...any) error {
		return exit.BadInputf("kind-config %s: %s", s.ConfigFile, fmt.Sprintf(format, args...))
	}
	controlPlanes := 0
	ports := map[string]int{}
	for i := range c.Nodes {
		n := &c.Nodes[i]
		switch n.Role {
		case v1alpha4.ControlPlaneRole, "":
			n.Role = v1alpha4.ControlPlaneRole
			controlPlanes++
		case v1alpha4.WorkerRole:
		default:
			return bad("nodes[%d]: role %q must be control-plane or worker", i, n.Role)
		}
		for j := range n.ExtraMounts {
			m := &n.ExtraMounts[j]
			if !filepath.IsAbs(m.HostPath) {
				m.HostPath = filepath.Join(s.ConfigRoot, m.HostPath)
			}
		}
		for j, p := range n.ExtraPortMappings {
			key := fmt.Sprintf("%s/%d/%s", p.ListenAddress, p.HostPort, strings.ToUpper(string(p.Protocol)))
			if other, twice := ports[key]; twice && p.HostPort > 0 {
				return bad("nodes[%d].extraPortMappings[%d]: hostPort %d is mapped by nodes[%d] already", i, j, p.HostPort, other)
			}
			ports[key] = i
		}
	}
	if len(c.Nodes) > 0 && controlPlanes == 0 {
		return bad("nodes has no control-plane")
	}
	switch c.Networking.IPFamily {
	case "", v1alpha4.IPv4Family:
	default:
		return bad("networking.ipFamily is %q: the platform's networks are ipv4", c.Networking.IPFamily)
	}
	if c.Networking.DisableDefaultCNI {
		return bad("networking.disableDefaultCNI is true, and no component of the platform brings another: no node would become Ready")
	}
	for i, patch := range c.ContainerdConfigPatches {
		if strings.Contains(patch, "registry.mirrors") || strings.Contains(patch, "registry.configs") {
			return bad("containerdConfigPatches[%d] sets registry.mirrors or registry.configs, beside which containerd ignores certs.d and does not start its image service: use the input registry-mirror", i)
		}
	}
	return nil
}

// withConfig gives the settings with what the user's configuration says of nodes.
func (s Settings) withConfig() (Settings, error) {
	if s.Config == "" {
		return s, nil
	}
	c, err := parseConfig(s)
	if err != nil {
		return s, err
	}
	s.user = c
	if len(c.Nodes) > 0 {
		s.ControlPlanes, s.Workers = 0, 0
		for _, n := range c.Nodes {
			if n.Role == v1alpha4.ControlPlaneRole {
				s.ControlPlanes++
			} else {
				s.Workers++
			}
		}
	}
	return s, nil
}

// merged is the user's configuration with ours: our patches go first, so that
// what the user says of the same field counts.
func merged(s Settings) *v1alpha4.Cluster {
	c := s.user.DeepCopy()
	c.Name = "" // it is the platform's
	c.KubeadmConfigPatches = append([]string{kubeletPatch}, c.KubeadmConfigPatches...)
	if len(c.Nodes) == 0 {
		c.Nodes = plainNodes(s)
	}
	for i := range c.Nodes {
		if c.Nodes[i].Image == "" {
			c.Nodes[i].Image = s.Image
		}
	}
	return c
}

// balancer is the end of the name of the container that kind puts before several
// control planes; it is no node.
const balancer = "-external-load-balancer"

// members are the nodes that run Kubernetes.
func members(have []nodes.Node) []nodes.Node {
	return slices.DeleteFunc(slices.Clone(have), func(n nodes.Node) bool { return strings.HasSuffix(n.String(), balancer) })
}

// images gives the wanted image of each node, by the name that kind gives it.
func images(name string, s Settings) map[string]string {
	wanted, count := map[string]string{}, map[v1alpha4.NodeRole]int{}
	for _, n := range config(s).Nodes {
		count[n.Role]++
		node := name + "-" + string(n.Role)
		if count[n.Role] > 1 {
			node += fmt.Sprint(count[n.Role])
		}
		wanted[node] = n.Image
	}
	return wanted
}

// Preflight checks what a configuration of the user's asks for against the
// platform's networks, and warns of what will bite.
func (d Driver) Preflight(_ context.Context, cs []catalog.Component, env engine.Env) error {
	for _, c := range cs {
		s, err := settings(c)
		if err != nil {
			return err
		}
		if s.user == nil {
			continue
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

// What a node takes when idle, measured with three of them.
const (
	controlPlaneMemory = 464 << 20
	workerMemory       = 90 << 20
)

// Describe fills in what a configuration of the user's asks for: ports of the
// machine, images, memory of the nodes.
func (d Driver) Describe(_ context.Context, c catalog.Component, _ engine.Env) (catalog.Component, error) {
	s, err := settings(c)
	if err != nil || s.user == nil {
		return c, err
	}
	c.Ports, c.Images = slices.Clone(c.Ports), slices.Clone(c.Images)
	for _, n := range config(s).Nodes {
		for _, p := range n.ExtraPortMappings {
			if p.HostPort > 0 && (p.Protocol == "" || strings.EqualFold(string(p.Protocol), string(v1alpha4.PortMappingProtocolTCP))) && !slices.Contains(c.Ports, int(p.HostPort)) {
				c.Ports = append(c.Ports, int(p.HostPort))
			}
		}
		if n.Image != s.Image && !slices.Contains(c.Images, n.Image) {
			c.Images = append(c.Images, n.Image)
		}
	}
	if p := s.user.Networking.APIServerPort; p > 0 {
		c.Ports = append(c.Ports, int(p))
	}
	c.Budget.Memory = max(c.Budget.Memory, catalog.Bytes(s.ControlPlanes*controlPlaneMemory+s.Workers*workerMemory))
	return c, nil
}
