package proof

import (
	"reflect"
	"testing"

	"github.com/buenhyden/hy-home/internal/catalog"
)

func names(ways []way) []string {
	var all []string
	for _, t := range targets(ways) {
		all = append(all, t.Name)
	}
	return all
}

func TestWaysTo_EveryNameThatThePlanGives(t *testing.T) {
	secrets := map[string]string{"redis-password": password}
	ways := waysTo(components, secrets)
	want := []string{
		"redis-1", "redis-1.infra.local", "redis-1-external.platform.svc.cluster.local",
		"redis-2", "redis-2.infra.local", "redis-2-external.platform.svc.cluster.local",
		"s3", "s3.infra.local", "s3-external.platform.svc.cluster.local",
	}
	if got := names(ways); !reflect.DeepEqual(got, want) {
		t.Errorf("got %q", got)
	}
	if all := targets(ways); all[0].Password != password || all[6].Password != "" || !all[0].Clustered {
		t.Errorf("got %+v", all)
	}
	if got := names(waysTo(components[:3], secrets)); !reflect.DeepEqual(got, []string{"redis-1", "redis-2", "s3"}) {
		t.Errorf("without Services: %q", got)
	}
	if got := waysTo(components[:2], secrets); got != nil {
		t.Errorf("with no way at all: %v", got)
	}
}

// A managed service has its own names everywhere, and no container of ours.
func TestWaysTo_ManagedServices(t *testing.T) {
	db := catalog.Component{Name: "db", Tier: "docker", Driver: "external", Expose: []catalog.Endpoint{
		{Name: "pg", Protocol: catalog.Postgres, Hosts: []string{"pg.acme.example"}, Port: 5432, External: true},
		{Name: "kafka", Protocol: catalog.Kafka, Hosts: []string{"b-1.acme.example"}, Port: 9092, Clustered: true, External: true},
	}}
	want := []string{"pg.acme.example", "pg-external.platform.svc.cluster.local", "b-1.acme.example"}
	if got := names(waysTo([]catalog.Component{db, components[3]}, nil)); !reflect.DeepEqual(got, want) {
		t.Errorf("got %q", got)
	}
}

// Behind the Service's name the certificate is still the managed service's own.
func TestWaysTo_ACertificateIsThatOfTheHost(t *testing.T) {
	db := catalog.Component{Name: "db", Tier: "docker", Driver: "external", Expose: []catalog.Endpoint{
		{Name: "pg", Protocol: catalog.Postgres, Hosts: []string{"pg.acme.example"}, Port: 5432, External: true, TLS: true, CA: "-----"},
		{Name: "s3", Protocol: catalog.S3, Hosts: []string{"10.0.0.7"}, Port: 443, External: true, TLS: true, ServerName: "s3.acme.example"},
	}}
	for _, got := range targets(waysTo([]catalog.Component{db, components[3]}, nil)) {
		if want := got.Endpoint + ".acme.example"; got.ServerName != want || !got.TLS || (got.CA == "") != (got.Endpoint == "s3") {
			t.Errorf("%s as %s: %+v", got.Endpoint, got.Name, got)
		}
	}
}
