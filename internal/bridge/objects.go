package bridge

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/buenhyden/hy-home/internal/catalog"
)

// ConsumerLabel on a namespace, with the value "allowed", asks for a NetworkPolicy
// that lets its pods reach the data tier.
//
// It is asked for, and not given to all, because a policy that allows something
// forbids everything else: it belongs where egress is denied already.
const ConsumerLabel = "hyaction.buenhyden.github.io/data-tier"

// service is one Service and its EndpointSlice in the making.
type service struct {
	headless  bool
	addresses []netip.Addr
	ports     []any // as in both specs: name, protocol, port
}

// Services are the objects that stand in the cluster's namespace for endpoints of
// the docker tier: for each a Service without selector, whose addresses are those
// that the engine told.
//
// One of a clustered service is headless: its name leads straight to the one
// container, and no virtual address may answer in its place.
func Services(namespace string, endpoints []catalog.Endpoint, at map[string][]netip.Addr) ([]*unstructured.Unstructured, error) {
	services := map[string]*service{}
	var aliases []*unstructured.Unstructured
	for _, e := range endpoints {
		if e.External && e.Clustered {
			continue // its own names are true everywhere, and clients are sent on to them
		}
		for _, host := range e.Hosts {
			addresses := at[host]
			if e.External {
				address, err := netip.ParseAddr(host)
				if err != nil {
					aliases = append(aliases, alias(namespace, e, host))
					continue
				}
				addresses = []netip.Addr{address}
			}
			if len(addresses) == 0 {
				return nil, fmt.Errorf("endpoint %s: no running container is called %s on the data tier's network", e.Name, host)
			}
			name := e.ExternalService(host)
			s := services[name]
			if s == nil {
				s = &service{headless: e.Clustered}
				services[name] = s
			}
			s.headless = s.headless || e.Clustered
			s.addresses = append(s.addresses, addresses...)
			port := map[string]any{"name": portName(e), "protocol": "TCP", "port": int64(e.Port)}
			if !slices.ContainsFunc(s.ports, func(p any) bool { return p.(map[string]any)["name"] == port["name"] }) {
				s.ports = append(s.ports, port)
			}
		}
	}
	objs := aliases
	for _, name := range slices.Sorted(maps.Keys(services)) {
		objs = append(objs, services[name].objects(namespace, name)...)
	}
	return objs, nil
}

// alias is the Service of a managed endpoint that has a DNS name: the cluster's
// DNS answers with that name.
func alias(namespace string, e catalog.Endpoint, host string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Service",
		"metadata": map[string]any{
			"name": e.ExternalService(host), "namespace": namespace,
			"labels": map[string]any{"app.kubernetes.io/managed-by": "hyaction"},
		},
		"spec": map[string]any{"type": "ExternalName", "externalName": host},
	}}
}

// portName begins with the protocol, by which a service mesh knows what flows:
// without one, Istio has to guess from the first bytes, and a server that speaks
// first is never guessed.
func portName(e catalog.Endpoint) string {
	if e.Protocol != catalog.HTTP && e.Protocol != catalog.S3 {
		return "tcp-" + e.Name
	}
	if e.TLS {
		return "https-" + e.Name
	}
	return "http-" + e.Name
}

func (s *service) objects(namespace, name string) []*unstructured.Unstructured {
	slices.SortFunc(s.addresses, netip.Addr.Compare)
	var endpoints []any
	for _, a := range slices.Compact(s.addresses) {
		endpoints = append(endpoints, map[string]any{"addresses": []any{a.String()}, "conditions": map[string]any{"ready": true}})
	}
	spec := map[string]any{"type": "ClusterIP", "ports": s.ports}
	if s.headless {
		spec["clusterIP"] = "None"
	}
	meta := func(labels map[string]any) map[string]any {
		labels["app.kubernetes.io/managed-by"] = "hyaction"
		return map[string]any{"name": name, "namespace": namespace, "labels": labels}
	}
	return []*unstructured.Unstructured{
		{Object: map[string]any{"apiVersion": "v1", "kind": "Service", "metadata": meta(map[string]any{}), "spec": spec}},
		{Object: map[string]any{
			"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
			"metadata": meta(map[string]any{
				"kubernetes.io/service-name":             name,
				"endpointslice.kubernetes.io/managed-by": "hyaction",
			}),
			"ports": s.ports, "endpoints": endpoints,
		}},
	}
}

// Policies let the pods of each namespace reach exactly the endpoints' ports on
// the data tier's network, and the cluster's DNS, without which no name of theirs
// resolves.
func Policies(namespaces []string, network netip.Prefix, endpoints []catalog.Endpoint) []*unstructured.Unstructured {
	var numbers []int
	for _, e := range endpoints {
		numbers = append(numbers, e.Port)
	}
	slices.Sort(numbers)
	var ports []any
	for _, n := range slices.Compact(numbers) {
		ports = append(ports, map[string]any{"protocol": "TCP", "port": int64(n)})
	}
	if len(ports) == 0 {
		return nil // an empty list of ports would allow all
	}
	var objs []*unstructured.Unstructured
	data := map[string]any{"ports": ports}
	if peers := peers(network, endpoints); len(peers) > 0 {
		data["to"] = peers
	}
	for _, namespace := range namespaces {
		objs = append(objs, &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
			"metadata": map[string]any{
				"name": "data-tier", "namespace": namespace,
				"labels": map[string]any{"app.kubernetes.io/managed-by": "hyaction"},
			},
			"spec": map[string]any{
				"podSelector": map[string]any{},
				"policyTypes": []any{"Egress"},
				"egress": []any{
					data,
					map[string]any{
						// Both selectors in one peer: in two, all pods of kube-system and all
						// DNS pods anywhere would be meant.
						"to": []any{map[string]any{
							"namespaceSelector": map[string]any{"matchLabels": map[string]any{"kubernetes.io/metadata.name": "kube-system"}},
							"podSelector":       map[string]any{"matchLabels": map[string]any{"k8s-app": "kube-dns"}},
						}},
						// Answers of more than 512 bytes come over TCP.
						"ports": []any{
							map[string]any{"protocol": "UDP", "port": int64(53)},
							map[string]any{"protocol": "TCP", "port": int64(53)},
						},
					},
				},
			},
		}})
	}
	return objs
}

// peers are where the endpoints are: on the data tier's network, or at the
// addresses of managed services. Of a DNS name no policy can say where it leads,
// so that with one the ports are open to anywhere: nil.
func peers(network netip.Prefix, endpoints []catalog.Endpoint) []any {
	var blocks []string
	if network.IsValid() {
		blocks = append(blocks, network.String())
	}
	for _, e := range endpoints {
		for _, host := range e.Hosts {
			if !e.External {
				continue
			}
			address, err := netip.ParseAddr(host)
			if err != nil {
				return nil
			}
			blocks = append(blocks, netip.PrefixFrom(address, address.BitLen()).String())
		}
	}
	slices.Sort(blocks)
	var peers []any
	for _, block := range slices.Compact(blocks) {
		peers = append(peers, map[string]any{"ipBlock": map[string]any{"cidr": block}})
	}
	return peers
}

// Exposed are the endpoints of the docker tier among components.
func Exposed(components []catalog.Component) []catalog.Endpoint {
	var all []catalog.Endpoint
	for _, c := range components {
		if c.Tier == "docker" {
			all = append(all, c.Expose...)
		}
	}
	slices.SortFunc(all, func(a, b catalog.Endpoint) int { return strings.Compare(a.Name, b.Name) })
	return all
}
