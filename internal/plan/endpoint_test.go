package plan

import (
	"reflect"
	"testing"

	"github.com/buenhyden/hy-home/internal/catalog"
)

func TestEndpoints_FromEachSide(t *testing.T) {
	db := catalog.Component{Name: "db", Tier: "docker", Driver: "compose", Expose: []catalog.Endpoint{
		{Name: "pg", Protocol: catalog.Postgres, Hosts: []string{"pg-router"}, Port: 5432, Published: 15432},
		{Name: "kafka", Protocol: catalog.Kafka, Hosts: []string{"kafka-1", "kafka-2"}, Port: 9092, Clustered: true},
	}}
	prometheus := catalog.Component{Name: "prometheus", Tier: "cluster", Namespace: "monitoring", Expose: []catalog.Endpoint{
		{Name: "prometheus", Protocol: catalog.HTTP, Hosts: []string{"prometheus"}, Port: 9090, NodePort: 30090},
	}}
	bridge := catalog.Component{Name: "infra-bridge", Driver: "bridge"}
	services := catalog.Component{Name: "external-services", Driver: "endpoints", Namespace: "platform"}

	const url = "http://prometheus.monitoring.svc.cluster.local:9090"
	for _, tt := range []struct {
		name                  string
		with                  []catalog.Component
		pg, kafka, prometheus string // from the other tier
	}{
		{"apart", nil, "", "", ""},
		{"joined", []catalog.Component{bridge}, "pg-router:5432", "kafka-1:9092,kafka-2:9092", "http://lab-control-plane:30090"},
		{"published", []catalog.Component{bridge, services}, "pg-external.platform.svc.cluster.local:5432", "kafka-1:9092,kafka-2:9092", "http://lab-control-plane:30090"},
	} {
		p := Plan{Components: append([]catalog.Component{db, prometheus}, tt.with...)}
		want := []Endpoint{
			{"pg", "db", catalog.Postgres, tt.pg, "pg-router:5432", "127.0.0.1:15432"},
			{"kafka", "db", catalog.Kafka, tt.kafka, "kafka-1:9092,kafka-2:9092", ""},
			{"prometheus", "prometheus", catalog.HTTP, url, tt.prometheus, ""},
		}
		if got := p.Endpoints("lab"); !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %+v\nwant %+v", tt.name, got, want)
		}
		if got := p.PrometheusURL(); got != url {
			t.Errorf("%s: prometheus at %q", tt.name, got)
		}
	}
	if got := (Plan{}).PrometheusURL(); got != "" {
		t.Errorf("prometheus at %q in an empty plan", got)
	}
}

func TestWithOffers_PublishersComeAfterWhatTheyPublish(t *testing.T) {
	offer := []catalog.Endpoint{{Name: "x"}}
	needs := map[string]int{}
	for _, c := range withOffers([]catalog.Component{
		{Name: "db", Tier: "docker", Expose: offer}, {Name: "mute", Tier: "docker"}, {Name: "metrics", Tier: "cluster", Expose: offer},
		{Name: "services", Driver: "endpoints"}, {Name: "proof", Driver: "proof", Needs: []catalog.Need{{Name: "db", Why: "known"}}},
	}) {
		needs[c.Name] = len(c.Needs)
	}
	if want := map[string]int{"db": 0, "mute": 0, "metrics": 0, "services": 1, "proof": 2}; !reflect.DeepEqual(needs, want) {
		t.Errorf("needs %v, want %v", needs, want)
	}
}
