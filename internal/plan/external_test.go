package plan

import (
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/catalog"
)

func dataTier() catalog.Catalog {
	net := component("net", 0)
	net.ForData, net.Driver = "docker", "network"
	db := component("db", gib, "net")
	db.Images = []string{"docker.io/library/db:1"}
	db.Expose = []catalog.Endpoint{{Name: "db", Protocol: catalog.Postgres, Hosts: []string{"pg"}, Port: 5432, Secrets: map[string]string{"password": "db-password"}}}
	logs := component("logs", gib, "net", "db")
	app := component("app", 0, "db", "net")
	app.Driver, app.Tier = "helm", "cluster"
	app.Needs[1].Optional = true
	return catalogOf(net, db, logs, app)
}

func TestNew_ManagedServicesTakeThePlaceOfTheDataTier(t *testing.T) {
	p, err := New(dataTier(), Target{Profile: "test", Data: External, Managed: []Managed{{Name: "db", Hosts: []string{"db.example.com"}, Port: 6432, User: "shop"}}}, Machine{})
	if err != nil || edges(p) != "db() app(db)" {
		t.Fatalf("got %s, %v", edges(p), err)
	}
	db, _ := p.Find("db")
	e := db.Expose[0]
	if db.Driver != "external" || len(db.Images) != 0 || p.Budget.Memory != 0 {
		t.Errorf("something of db would run here: %+v", db)
	}
	if !e.External || e.Hosts[0] != "db.example.com" || e.Port != 6432 || e.User != "shop" || e.Secrets["password"] != "db-password" {
		t.Errorf("endpoint %+v", e)
	}
	if got := p.Endpoints("hy")[0]; got.Cluster != "db.example.com:6432" || got.Host != "db.example.com:6432" {
		t.Errorf("reached at %+v", got)
	}
	if own, _ := dataTier().Component("db"); own.Expose[0].External {
		t.Error("the catalog was changed")
	}
}

func TestNew_ManagedServicesMustBeListed(t *testing.T) {
	for want, managed := range map[string][]Managed{
		"db offers the endpoint db, which data-endpoints does not list":             nil,
		"endpoint db: a Service can stand for one DNS name, data-endpoints lists 2": {{Name: "db", Hosts: []string{"a.example.com", "b.example.com"}}},
	} {
		_, err := New(dataTier(), Target{Profile: "test", Data: External, Managed: managed}, Machine{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestParseManaged_Refuses(t *testing.T) {
	for text, want := range map[string]string{
		"endpoints: [{hosts: [a]}]":                                 "endpoint 1 has no name",
		"endpoints: [{name: a}]":                                    "endpoint a has no hosts",
		"endpoints: [{name: a, hosts: [b]}, {name: a, hosts: [b]}]": "endpoint a is there twice",
		"endpoints: [{name: a, hosts: ['b:1']}]":                    `host "b:1" is no DNS name`,
		"endpoints: [{name: a, hosts: ['::1']}]":                    `host "::1" is no DNS name and no IPv4 address`,
		"endpoints: [{name: a, hosts: ['-x']}]":                     "is no DNS name",
		"endpoints: [{name: a, hosts: [b], port: 70000}]":           "port is 70000",
		"endpoints: [{name: a, host: b}]":                           "field host not found",
		"[":                                                         "line 1",
	} {
		if _, err := ParseManaged([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
	if list, err := ParseManaged(nil); err != nil || len(list) != 0 {
		t.Errorf("an empty file: %v, %v", list, err)
	}
}

func FuzzParseManaged(f *testing.F) {
	f.Add([]byte("endpoints:\n  - {name: redis, hosts: [redis.example.com, 10.0.0.1], port: 6379}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := ParseManaged(text)
		if err != nil {
			return
		}
		for _, m := range list {
			for _, host := range m.Hosts {
				if m.Name == "" || strings.ContainsAny(host, " :/\n@") {
					t.Errorf("took %+v", m)
				}
			}
		}
	})
}
