package compose

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
)

// Ports that are not published are asked where the containers are, in their own
// protocol; what does not hold is named.
func TestEngine_AsksPorts(t *testing.T) {
	d, cli := onEngine(t, redisImage)
	c := catalog.Component{Name: "ports", Files: fstest.MapFS{"compose.yaml": {Data: []byte(`
services:
  db:
    image: docker.io/library/redis:7.0.15
    command: [redis-server, --save, "", --protected-mode, "no"]
    restart: unless-stopped
    stop_signal: SIGKILL
networks: {default: {ipam: {config: [{subnet: 172.30.214.0/24}]}}}
`)}}}
	e := platform(t, d, c)
	ctx := within(t, 5*time.Minute)
	c.Ready = []catalog.Probe{{TCP: &catalog.TCPProbe{Service: "db:6379", Send: "PING\r\n", Expect: "+PONG"}}}
	if _, err := d.Apply(ctx, c, e); err != nil {
		t.Fatal(err)
	}
	cs, err := containers(ctx, cli, ProjectName(e.Name, c.Name))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		probe catalog.Probe
		want  string // "" holds
	}{
		{"open", catalog.Probe{TCP: &catalog.TCPProbe{Service: "db:6379"}}, ""},
		{"SET, as SQL and S3 are asked", catalog.Probe{Exec: &catalog.ExecProbe{Services: []string{"db"}, Command: []string{"sh", "-c", "redis-cli set a b && redis-cli get a"}, Expect: []string{"OK", "b"}}}, ""},
		{"closed", catalog.Probe{TCP: &catalog.TCPProbe{Service: "db:6380"}}, "connection refused"},
		{"another protocol", catalog.Probe{TCP: &catalog.TCPProbe{Service: "db:6379", Send: "HELLO\r\n", Expect: "+PONG"}}, `db:6379 does not say "+PONG" yet`},
		{"no such service", catalog.Probe{TCP: &catalog.TCPProbe{Service: "cache:6379"}}, "cache has no container"},
		{"not HTTP", catalog.Probe{HTTP: &catalog.HTTPProbe{Service: "db:6379", Path: "/"}}, "172.30.214."},
		{"command fails", catalog.Probe{Exec: &catalog.ExecProbe{Services: []string{"db"}, Command: []string{"sh", "-c", "echo no bucket >&2; exit 3"}}}, "exited with code 3: no bucket"},
		{"6 s, of which each asks 2", catalog.Probe{Exec: &catalog.ExecProbe{Services: []string{"db", "db", "db"}, Command: []string{"sleep", "2"}}}, ""},
		{"command hangs", catalog.Probe{Exec: &catalog.ExecProbe{Services: []string{"db"}, Command: []string{"sleep", "600"}}}, "db: context deadline exceeded"},
		{"a kind of the cluster", catalog.Probe{CRD: "x"}, "only have speak, exec, http and tcp"},
	} {
		err := check(ctx, cli, c, e, tt.probe, cs)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}
}

// A job that ended with 0 and made nothing is not ready.
func TestEngine_JobsAreJudgedByWhatTheyMade(t *testing.T) {
	d, _ := onEngine(t, redisImage)
	project := func(job string) catalog.Component {
		return catalog.Component{Name: "job", Files: fstest.MapFS{"compose.yaml": {Data: []byte(`
services:
  db:
    image: docker.io/library/redis:7.0.15
    command: [redis-server, --save, "", --protected-mode, "no"]
    restart: unless-stopped
    stop_signal: SIGKILL
    healthcheck: {test: [CMD, redis-cli, ping], interval: 1s, retries: 30}
  seed:
    image: docker.io/library/redis:7.0.15
    command: [sh, -c, "` + job + `"]
    restart: "no"
    depends_on: {db: {condition: service_healthy}}
networks: {default: {ipam: {config: [{subnet: 172.30.215.0/24}]}}}
`)}}, Ready: []catalog.Probe{{Exec: &catalog.ExecProbe{Services: []string{"db"}, Command: []string{"redis-cli", "exists", "topic"}, Expect: []string{"1"}}}}}
	}
	c := project("redis-cli -h db set topik 1")
	e := platform(t, d, c)
	for limit := 10 * time.Second; ; limit *= 2 { // until it is enough to come as far as the probe
		_, err := d.Apply(within(t, limit), c, e)
		if err != nil && strings.Contains(err.Error(), `job is not ready: db does not say "1" yet`) {
			break
		}
		if err == nil || limit > 2*time.Minute {
			t.Fatalf("a job that made something else: %v", err)
		}
	}
	c = project("redis-cli -h db set topic 1")
	if _, err := d.Apply(within(t, 5*time.Minute), c, e); err != nil {
		t.Error(err)
	}
}

// An endpoint is spoken to with its own credentials, by the names of containers.
func TestEngine_SpeaksToEndpoints(t *testing.T) {
	d, cli := onEngine(t, redisImage)
	c := catalog.Component{Name: "speaks", Secrets: []string{"db-password"}, Files: fstest.MapFS{"compose.yaml": {Data: []byte(`
services:
  db:
    image: docker.io/library/redis:7.0.15
    command: [redis-server, --save, "", --requirepass, "${DB_PASSWORD}"]
    restart: unless-stopped
    stop_signal: SIGKILL
networks: {default: {ipam: {config: [{subnet: 172.30.216.0/24}]}}}
`)}}, Expose: []catalog.Endpoint{
		{Name: "db", Protocol: catalog.Redis, Hosts: []string{"db"}, Port: 6379, Secrets: map[string]string{catalog.Password: "db-password"}},
		{Name: "whole", Protocol: catalog.Redis, Hosts: []string{"db"}, Port: 6379, Clustered: true, Secrets: map[string]string{catalog.Password: "db-password"}},
		{Name: "gone", Protocol: catalog.Redis, Hosts: []string{"db", "db-2"}, Port: 6379, Secrets: map[string]string{catalog.Password: "db-password"}},
	}, Ready: []catalog.Probe{{Speak: &catalog.SpeakProbe{Endpoint: "db"}}}}
	e := platform(t, d, c)
	e.Secrets = map[string]string{"db-password": "a-password"}
	ctx := within(t, 5*time.Minute)
	if _, err := d.Apply(ctx, c, e); err != nil {
		t.Fatal(err)
	}
	if outcome, err := d.Apply(ctx, c, e); err != nil || outcome != engine.Unchanged {
		t.Errorf("again: %s, %v", outcome, err)
	}
	cs, err := containers(ctx, cli, ProjectName(e.Name, c.Name))
	if err != nil {
		t.Fatal(err)
	}
	wrong := e
	wrong.Secrets = map[string]string{"db-password": "another"}
	for _, tt := range []struct {
		endpoint string
		env      engine.Env
		want     string
	}{
		{"db", wrong, "db: WRONGPASS"},
		{"whole", e, "cluster support disabled"},
		{"gone", e, "db-2: "},
		{"lost", e, "speaks exposes no endpoint lost"},
	} {
		err := check(ctx, cli, c, tt.env, catalog.Probe{Speak: &catalog.SpeakProbe{Endpoint: tt.endpoint}}, cs)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.endpoint, err, tt.want)
		}
	}
}
