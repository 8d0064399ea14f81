package provision

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/buenhyden/hy-home/internal/bridge"
	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/testbed/servers"
)

// dataTier is an engine with one container, whose services listen at this machine.
type dataTier struct{ bridge.Docker }

func (dataTier) ContainerList(context.Context, container.ListOptions) ([]container.Summary, error) {
	return []container.Summary{{ID: "1"}}, nil
}

func (dataTier) ContainerInspect(context.Context, string) (container.InspectResponse, error) {
	return container.InspectResponse{
		ContainerJSONBase: &container.ContainerJSONBase{Name: "/lab-data-1"},
		NetworkSettings: &container.NetworkSettings{Networks: map[string]*network.EndpointSettings{
			"infra_net": {IPAddress: servers.Host, Aliases: []string{"data"}},
		}},
	}, nil
}

type platform struct {
	env    engine.Env
	warned []string
}

func platformWith(e catalog.Endpoint) *platform {
	p := &platform{}
	p.env = engine.Env{
		Name:       "lab",
		Components: []catalog.Component{{Name: "data", Tier: "docker", Expose: []catalog.Endpoint{e}}},
		Secrets: map[string]string{
			"admin-password": servers.Password, "n8n-db-password": "n8n-s3cret", "exporter-password": "exp-s3cret",
			"access": servers.AccessKey, "secret": servers.SecretKey,
		},
		Progress: func(string) {}, Warn: func(s string) { p.warned = append(p.warned, s) }, Log: slog.New(slog.DiscardHandler),
	}
	return p
}

var driver = Driver{Docker: func(context.Context) (bridge.Docker, error) { return dataTier{}, nil }}

func component(settings map[string]any) catalog.Component {
	settings["network"], settings["endpoint"] = "infra_net", "data"
	return catalog.Component{Name: "platform-things", Secrets: []string{"n8n-db-password", "exporter-password"}, Settings: settings}
}

func TestApply(t *testing.T) {
	password := map[string]string{catalog.Password: "admin-password"}
	keys := map[string]string{catalog.AccessKey: "access", catalog.SecretKey: "secret"}
	brokers, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.ListenFn(func(network, _ string) (net.Listener, error) { return net.Listen(network, servers.Host+":0") }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(brokers.Close)
	broker := int(netip.MustParseAddrPort(brokers.ListenAddrs()[0]).Port())
	for _, tt := range []struct {
		endpoint catalog.Endpoint
		settings map[string]any
		first    engine.Outcome
		before   string // what the status says then
	}{
		{catalog.Endpoint{Protocol: catalog.Postgres, Port: servers.Postgres(t, nil), User: "postgres", Database: "postgres", Secrets: password}, map[string]any{
			"databases": []any{map[string]any{"name": "n8n", "owner": "n8n", "secret": "n8n-db-password"}, map[string]any{"name": "n8n-test", "owner": "n8n", "secret": "n8n-db-password"}},
			"roles":     []any{map[string]any{"name": "exporter", "secret": "exporter-password", "member-of": []any{"pg_monitor"}}},
		}, engine.Created, "role n8n is missing, role exporter is missing, database n8n is missing, database n8n-test is missing"},
		{catalog.Endpoint{Protocol: catalog.Kafka, Port: broker, Clustered: true}, map[string]any{
			"topics": []any{map[string]any{"name": "app.events", "partitions": 3, "config": map[string]any{"retention.ms": "60000"}}},
		}, engine.Created, "topic app.events is missing"},
		{catalog.Endpoint{Protocol: catalog.S3, Port: servers.S3(t, nil), Secrets: keys}, map[string]any{
			"buckets": []any{servers.Bucket, "tempo-traces"}, // one is there
		}, engine.Configured, "bucket tempo-traces is missing"},
	} {
		t.Run(string(tt.endpoint.Protocol), func(t *testing.T) {
			tt.endpoint.Name, tt.endpoint.Hosts = "data", []string{"data"}
			p, c := platformWith(tt.endpoint), component(tt.settings)
			if err := driver.Preflight(t.Context(), []catalog.Component{c}, p.env); err != nil {
				t.Fatal(err)
			}
			if text, err := driver.Status(t.Context(), c, p.env); err != nil || text != tt.before {
				t.Errorf("before: status %q, %v; want %q", text, err, tt.before)
			}
			for _, want := range []engine.Outcome{tt.first, engine.Unchanged} {
				if got, err := driver.Apply(t.Context(), c, p.env); err != nil || got != want {
					t.Fatalf("got %s, %v; want %s", got, err, want)
				}
			}
			if text, err := driver.Status(t.Context(), c, p.env); err != nil || text != "ready" {
				t.Errorf("after: status %q, %v", text, err)
			}
			// The same service, run by others: reached by its own name, nothing changed.
			tt.endpoint.External, tt.endpoint.Hosts = true, []string{"localhost"}
			p = platformWith(tt.endpoint)
			noEngine := Driver{Docker: func(context.Context) (bridge.Docker, error) { return nil, errors.New("no engine here") }}
			if got, err := noEngine.Apply(t.Context(), c, p.env); err != nil || got != engine.Unchanged {
				t.Errorf("of others: %s, %v", got, err)
			}
			p.env.Secrets = nil // as platform status has none of others' credentials
			if text, err := noEngine.Status(t.Context(), c, p.env); err != nil || text != "" && len(tt.endpoint.Secrets) > 0 {
				t.Errorf("status of others: %q, %v", text, err)
			}
			if got, err := noEngine.Remove(t.Context(), c, p.env); err != nil || got != engine.Unchanged || len(p.warned) != 1 || !strings.Contains(p.warned[0], "which others run") {
				t.Errorf("remove: %s, %v, warned %v", got, err, p.warned)
			}
		})
	}
}

func TestApply_TriesAgainWhatPasses(t *testing.T) {
	e := catalog.Endpoint{Name: "data", Protocol: catalog.S3, Hosts: []string{"data"}, Port: servers.Port(t), Secrets: map[string]string{catalog.AccessKey: "access", catalog.SecretKey: "secret"}}
	p := platformWith(e)
	_, err := driver.Apply(t.Context(), component(map[string]any{"buckets": []any{"loki"}}), p.env)
	if !engine.IsTransient(err) || !strings.Contains(err.Error(), "endpoint data at http://data:") {
		t.Errorf("nobody listens yet: %v", err)
	}
	p.env.Components[0].Expose[0].Hosts = []string{"elsewhere"}
	if _, err := driver.Apply(t.Context(), component(map[string]any{"buckets": []any{"loki"}}), p.env); err == nil || !strings.Contains(err.Error(), "no running container is called elsewhere on docker network infra_net") {
		t.Errorf("no container: %v", err)
	}
}

func TestPreflight_Refuses(t *testing.T) {
	postgres := catalog.Endpoint{Name: "data", Protocol: catalog.Postgres, Hosts: []string{"data"}, Port: 5432, Secrets: map[string]string{catalog.Password: "admin-password"}}
	db := func(name, owner, secret string) map[string]any {
		return map[string]any{"databases": []any{map[string]any{"name": name, "owner": owner, "secret": secret}}}
	}
	bare := postgres
	bare.Secrets = nil
	for _, tt := range []struct {
		fault    string
		endpoint catalog.Endpoint
		settings map[string]any
	}{
		{"there is nothing to make in data, which speaks postgres", postgres, map[string]any{}},
		{"data speaks postgres, and not s3", postgres, map[string]any{"buckets": []any{"loki"}, "roles": []any{map[string]any{"name": "a", "secret": "n8n-db-password"}}}},
		{`role "N8N" must be lower case`, postgres, db("n8n", "N8N", "n8n-db-password")},
		{`database "a b" must be lower case`, postgres, db("a b", "n8n", "n8n-db-password")},
		{`secret "unknown" is not in the component's secrets`, postgres, db("n8n", "n8n", "unknown")},
		{"data has no password in its secrets", bare, db("n8n", "n8n", "n8n-db-password")},
		{"no component of the platform offers", catalog.Endpoint{Name: "other"}, db("n8n", "n8n", "n8n-db-password")},
		{`bucket "Loki" must be`, catalog.Endpoint{Name: "data", Protocol: catalog.S3, Hosts: []string{"data"}, Secrets: map[string]string{catalog.AccessKey: "access", catalog.SecretKey: "secret"}}, map[string]any{"buckets": []any{"Loki"}}},
		{`topic "a b" must be`, catalog.Endpoint{Name: "data", Protocol: catalog.Kafka, Hosts: []string{"data"}}, map[string]any{"topics": []any{map[string]any{"name": "a b"}}}},
	} {
		err := driver.Preflight(t.Context(), []catalog.Component{component(tt.settings)}, platformWith(tt.endpoint).env)
		if err == nil || !strings.Contains(err.Error(), tt.fault) || exit.Code(err) != exit.BadInput {
			t.Errorf("got %v, want bad input with %q", err, tt.fault)
		}
	}
}
