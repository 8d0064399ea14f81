package plan

import (
	"slices"
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
		"data-endpoints does not list db (of db): say where they are":               nil,
		"endpoint db: a Service can stand for one DNS name, data-endpoints lists 2": {{Name: "db", Hosts: []string{"a.example.com", "b.example.com"}}},
	} {
		_, err := New(dataTier(), Target{Profile: "test", Data: External, Managed: managed}, Machine{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// How a managed service is got into is its own; what is not said is as in the catalog.
func TestNew_ManagedServicesHaveTheirOwnTLSAndCredentials(t *testing.T) {
	managed, err := ParseManaged([]byte(`endpoints:
  - {name: db, hosts: [db.example.com], tls: true, server-name: pg.example.com, user: shop, secrets: {password: rds-password}}`))
	if err != nil {
		t.Fatal(err)
	}
	managed[0].CA = "pem"
	p, err := New(dataTier(), Target{Profile: "test", Data: External, Managed: managed}, Machine{})
	if err != nil {
		t.Fatal(err)
	}
	db, _ := p.Find("db")
	if e := db.Expose[0]; !e.TLS || e.CA != "pem" || e.ServerName != "pg.example.com" || e.Secrets["password"] != "rds-password" {
		t.Errorf("endpoint %+v", e)
	}
	if !slices.Contains(p.Secrets(), "rds-password") {
		t.Errorf("the plan asks for %q", p.Secrets())
	}
	if own, _ := dataTier().Component("db"); own.Expose[0].Secrets["password"] != "db-password" {
		t.Error("the catalog was changed")
	}
	for fault, m := range map[string]Managed{
		"ca-file is given, but tls is not set":            {CAFile: "ca.pem"},
		"sasl is for Kafka, and the protocol is postgres": {SASL: catalog.SASLPlain, User: "a"},
		`secrets has "pasword", want one of password`:     {Secrets: map[string]string{"pasword": "x"}},
		"bucket is for S3, and the protocol is postgres":  {Bucket: "loki"},
	} {
		m.Name, m.Hosts = "db", []string{"db.example.com"}
		if _, err := New(dataTier(), Target{Profile: "test", Data: External, Managed: []Managed{m}}, Machine{}); err == nil || !strings.Contains(err.Error(), "endpoint db of data-endpoints: "+fault) {
			t.Errorf("got %v, want %q", err, fault)
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
		"endpoints: [{name: a, hosts: [b], server-name: 'a b'}]":    `server-name "a b" is no DNS name`,
		"endpoints: [{name: a, hosts: [b], tls-verify: false}]":     `unknown field "tls-verify"`,
		"endpoints: [{name: a, host: b}]":                           `unknown field "host"`,
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
