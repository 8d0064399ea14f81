package cluster

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/decode"
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
	if err := decode.YAML([]byte(s.Config), c); err != nil {
		return nil, exit.BadInputf("kind-config %s: %w", s.ConfigFile, err)
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
