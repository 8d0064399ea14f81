package compose

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/docker"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/exit"
)

const password = "s3cret_w0rd-that-is-nowhere"

func env(platform string) engine.Env {
	return engine.Env{
		Name:     platform,
		Values:   map[string]string{"infra-net-name": "hyt_compose"},
		Secrets:  map[string]string{"redis-password": password},
		Progress: func(string) {},
		Log:      slog.New(slog.DiscardHandler),
	}
}

func redisCluster(t *testing.T, size string) catalog.Component {
	t.Helper()
	cat, err := catalog.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	c, ok := cat.Component("redis-cluster")
	if !ok {
		t.Fatal("the catalog has no redis-cluster")
	}
	if c, err = c.Sized(size); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestLoad_RedisCluster(t *testing.T) {
	p, err := load(t.Context(), redisCluster(t, "ha"), env("hyt"))
	if err != nil {
		t.Fatal(err)
	}
	if p.Name != "hyt-redis-cluster" || len(p.Services) != 7 || p.Networks["infra"].Name != "hyt_compose" {
		t.Errorf("project %s with %d services on %q", p.Name, len(p.Services), p.Networks["infra"].Name)
	}
	// What the engine is told of a service is public; what is copied into it is not.
	public, err := json.Marshal(p.Services)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(public), password) {
		t.Error("the password is in what docker inspect shows")
	}
	if got := p.Configs["redis-auth"].Content; !strings.Contains(got, "requirepass "+password) {
		t.Error("the servers do not get the password")
	}
	node := p.Services["redis-node-1"]
	if node.CustomLabels[docker.PlatformLabel] != "hyt" || !strings.HasPrefix(node.Labels[filesLabel], "redis-conf=") {
		t.Errorf("labels %v, %v", node.CustomLabels, node.Labels)
	}
	if strings.Contains(node.Labels[filesLabel], "redis-auth") {
		t.Error("a digest that is made of the password is public")
	}
	if v := p.Volumes["redis-node-1"]; v.CustomLabels[docker.PlatformLabel] != "hyt" {
		t.Errorf("volume labels %v", v.CustomLabels)
	}
}

func TestLoad_MistakesAreToldInOneSentence(t *testing.T) {
	for _, tt := range []struct{ name, file, want string }{
		{"no file", "", "component x: compose.yaml: open compose.yaml: file does not exist"},
		{"unknown variable", "services: {a: {image: '${IMAGE}'}}", "unknown variables IMAGE; there are: INFRA_NET_NAME, PLATFORM"},
		{"not Compose", "services: {a: {imagine: b}}", "additional properties 'imagine' not allowed"},
		{"lost config file", "services: {a: {image: b, configs: [c]}}\nconfigs: {c: {file: c.conf}}", "configs.c: open c.conf: file does not exist"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files := fstest.MapFS{}
			if tt.file != "" {
				files["compose.yaml"] = &fstest.MapFile{Data: []byte(tt.file)}
			}
			_, err := load(t.Context(), catalog.Component{Name: "x", Files: files}, env("hyt"))
			if err == nil || !strings.Contains(err.Error(), tt.want) || exit.Code(err) != exit.BadInput {
				t.Errorf("got %v, want bad input with %q", err, tt.want)
			}
		})
	}
}

func TestState(t *testing.T) {
	now := time.Now()
	for _, tt := range []struct {
		name  string
		s     state
		up    bool
		fault string
	}{
		{"healthy", state{status: "running", health: "healthy"}, true, ""},
		{"starting", state{status: "running", health: "starting"}, false, ""},
		{"no check, settled", state{status: "running", started: now.Add(-3 * time.Second)}, true, ""},
		{"no check, just started", state{status: "running", started: now}, false, ""},
		{"created", state{status: "created"}, false, ""},
		{"job at work", state{status: "running", oneShot: true, started: now.Add(-time.Minute)}, false, ""},
		{"job done", state{status: "exited", oneShot: true}, true, ""},
		{"job failed", state{status: "exited", oneShot: true, exit: 3}, false, "db exited with code 3"},
		{"service ended", state{status: "exited"}, false, "db exited with code 0"},
		{"unhealthy", state{status: "running", health: "unhealthy"}, false, "db is unhealthy"},
		{"one restart", state{status: "restarting", restarts: 1, exit: 1}, false, ""},
		{"restart loop", state{status: "restarting", restarts: 3, exit: 1}, false, "db restarted 3 times, last with code 1"},
		{"out of memory", state{status: "exited", oom: true, exit: 137}, false, "db was killed: it needs more memory than its limit"},
	} {
		tt.s.service = "db"
		if up, _ := tt.s.up(now); up != tt.up {
			t.Errorf("%s: up is %v, want %v", tt.name, up, tt.up)
		}
		if got := tt.s.fault(); got != tt.fault {
			t.Errorf("%s: fault %q, want %q", tt.name, got, tt.fault)
		}
	}
}
