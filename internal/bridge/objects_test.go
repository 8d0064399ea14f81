package bridge

import (
	"context"
	"net/netip"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/testkit/golden"
)

var exposed = []catalog.Endpoint{
	{Name: "kafka", Protocol: catalog.Kafka, Hosts: []string{"kafka-1", "kafka-2"}, Port: 9092, Clustered: true},
	{Name: "kafka-metrics", Protocol: catalog.HTTP, Hosts: []string{"kafka-1"}, Port: 7071, Clustered: true},
	{Name: "postgres", Protocol: catalog.Postgres, Hosts: []string{"pg-1", "pg-0"}, Port: 5432},
	{Name: "s3", Protocol: catalog.S3, Hosts: []string{"s3"}, Port: 9000},
}

func compare(t *testing.T, name string, objs []*unstructured.Unstructured) {
	t.Helper()
	var text strings.Builder
	for _, obj := range objs {
		b, err := yaml.Marshal(obj.Object)
		if err != nil {
			t.Fatal(err)
		}
		text.WriteString("---\n" + string(b))
	}
	golden.Compare(t, name, text.String())
}

func TestServices(t *testing.T) {
	at := map[string][]netip.Addr{}
	for host, address := range map[string]string{"kafka-1": "172.19.0.2", "kafka-2": "172.19.0.3", "pg-0": "172.19.0.4", "pg-1": "172.19.0.10", "s3": "172.19.0.6"} {
		at[host] = []netip.Addr{netip.MustParseAddr(address)}
	}
	objs, err := Services("platform", exposed, at)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "services.yaml", objs)

	delete(at, "kafka-2")
	_, err = Services("platform", exposed, at)
	if err == nil || err.Error() != "endpoint kafka: no running container is called kafka-2 on the data tier's network" {
		t.Errorf("got %v", err)
	}
}

func TestPolicies(t *testing.T) {
	network := netip.MustParsePrefix("172.19.0.0/16")
	compare(t, "policies.yaml", Policies([]string{"apps", "jobs"}, network, append(exposed, exposed[0])))
	if objs := Policies([]string{"apps"}, network, nil); objs != nil {
		t.Errorf("a policy for no endpoint: %v", objs)
	}
}

// composed is an engine with three containers on infra_net, as engines of
// different ages tell of them.
type composed struct{ Docker }

func (composed) ContainerList(_ context.Context, o container.ListOptions) ([]container.Summary, error) {
	if !o.Filters.ExactMatch("network", "infra_net") || !o.Filters.ExactMatch("status", "running") {
		return nil, nil
	}
	return []container.Summary{{ID: "old"}, {ID: "new"}, {ID: "stopping"}}, nil
}

func (composed) ContainerInspect(_ context.Context, id string) (container.InspectResponse, error) {
	at := map[string]*network.EndpointSettings{
		"old":      {IPAddress: "172.19.0.9", Aliases: []string{"db", "0123456789ab"}},
		"new":      {IPAddress: "172.19.0.2", Aliases: []string{"db"}, DNSNames: []string{"lab-db-2", "db", "ba9876543210"}},
		"stopping": {Aliases: []string{"db"}},
	}[id]
	return container.InspectResponse{
		ContainerJSONBase: &container.ContainerJSONBase{Name: "/lab-db-" + id},
		NetworkSettings:   &container.NetworkSettings{Networks: map[string]*network.EndpointSettings{"infra_net": at}},
	}, nil
}

func TestAddresses_ByEveryNameThatOthersFind(t *testing.T) {
	got, err := Bridge{Docker: composed{}, Network: "infra_net"}.Addresses(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	old, young := netip.MustParseAddr("172.19.0.9"), netip.MustParseAddr("172.19.0.2")
	if a := got["db"]; len(a) != 2 || a[0] != young || a[1] != old {
		t.Errorf("db is at %v", a)
	}
	if a := got["lab-db-old"]; len(a) != 1 || a[0] != old {
		t.Errorf("a container is not found by its own name: %v", got)
	}
	if a := got["lab-db-2"]; len(a) != 1 || a[0] != young {
		t.Errorf("a container is not found by its DNS name: %v", got)
	}
}
