package plan

import (
	"fmt"
	"slices"

	"github.com/buenhyden/hy-home/internal/catalog"
)

// Endpoint is where one endpoint of the plan is reached from each side. An
// address is empty where there is no way.
type Endpoint struct {
	Name      string           `json:"name"`
	Component string           `json:"component"`
	Protocol  catalog.Protocol `json:"protocol"`
	Cluster   string           `json:"cluster"` // from pods
	Docker    string           `json:"docker"`  // from containers on the data tier's network
	Host      string           `json:"host"`    // from the machine
}

// Endpoints are the endpoints of all components. platform is the platform's
// name, which its nodes are called by.
func (p Plan) Endpoints(platform string) []Endpoint {
	all := []Endpoint{}
	for _, c := range p.Components {
		for _, e := range c.Expose {
			at := Endpoint{Name: e.Name, Component: c.Name, Protocol: e.Protocol}
			if c.Tier == "docker" {
				at.Docker, at.Cluster = e.Addresses(e.Hosts), p.fromPods(e)
				if e.External {
					at.Host = e.Addresses(e.Hosts)
				}
			} else {
				at.Cluster, at.Docker = e.Addresses(inNamespace(e.Hosts, c.Namespace)), p.fromContainers(e, platform)
			}
			if e.Published != 0 {
				at.Host = e.Address("127.0.0.1", e.Published)
			}
			all = append(all, at)
		}
	}
	return all
}

// fromPods is where pods reach the data tier: by the Services that stand for it,
// or by its own names where the nodes are on its network. Clients of clustered
// services get the very names that these send them on to.
func (p Plan) fromPods(e catalog.Endpoint) string {
	published, hasServices := p.driver("endpoints")
	if e.External && (e.Clustered || !hasServices) {
		return e.Addresses(e.Hosts)
	}
	if hasServices && !e.Clustered {
		return e.Addresses(inNamespace([]string{e.ExternalService("")}, published.Namespace))
	}
	if _, joined := p.driver("bridge"); joined {
		return e.Addresses(e.Hosts)
	}
	return ""
}

// fromContainers is where containers reach the cluster: at a port of a node, whose
// name they can resolve once it is on their network.
func (p Plan) fromContainers(e catalog.Endpoint, platform string) string {
	if _, joined := p.driver("bridge"); !joined || e.NodePort == 0 {
		return ""
	}
	return e.Address(NodeName(platform), e.NodePort)
}

// NodeName is the container of the node that every cluster of ours has.
func NodeName(platform string) string { return platform + "-control-plane" }

// withOffers makes what publishes endpoints wait for those who offer them, and
// what proves them too: a list of them in its own component.yaml would have to
// grow with every component that is added.
func withOffers(cs []catalog.Component) []catalog.Component {
	why := map[string]string{"endpoints": "what it offers is published", "proof": "what it offers is proven"}
	out := slices.Clone(cs)
	for i, c := range out {
		if why[c.Driver] == "" {
			continue
		}
		c.Needs = slices.Clone(c.Needs)
		for _, other := range cs {
			offers := other.Tier == "docker" || c.Driver == "proof"
			known := slices.ContainsFunc(c.Needs, func(n catalog.Need) bool { return n.Name == other.Name })
			if offers && len(other.Expose) > 0 && !known {
				c.Needs = append(c.Needs, catalog.Need{Name: other.Name, Why: why[c.Driver]})
			}
		}
		out[i] = c
	}
	return out
}

func inNamespace(services []string, namespace string) []string {
	out := make([]string, len(services))
	for i, s := range services {
		out[i] = fmt.Sprintf("%s.%s.svc.cluster.local", s, namespace)
	}
	return out
}

func (p Plan) driver(name string) (catalog.Component, bool) {
	i := slices.IndexFunc(p.Components, func(c catalog.Component) bool { return c.Driver == name })
	if i < 0 {
		return catalog.Component{}, false
	}
	return p.Components[i], true
}

// PrometheusURL is where pods ask the plan's Prometheus; "" if it has none.
func (p Plan) PrometheusURL() string {
	for _, e := range p.Endpoints("") {
		if e.Name == "prometheus" {
			return e.Cluster
		}
	}
	return ""
}
