package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"
)

// dataProfile is the data tier alone, of what the bed has images for.
const dataProfile = `name: data-tier
description: The data services that fail over, with their exporters
machine: {cpu: "2", memory: 4Gi, disk: 14Gi}
components: [infra-net, postgres, platform-databases, postgres-exporter, redis-cluster, redis-exporter]
`

// dataTier sets the data services up small and then with their replicas, kills who
// leads and finds that nothing is lost that was acknowledged.
func (p *platform) dataTier(t *testing.T) {
	p.command(t, "go", "run", "./testbed", "up", "data")
	p.hyaction(t, "platform", "down")
	dir := t.TempDir()
	for _, name := range []string{"components", "profiles"} { // a catalog has both
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "profiles", "data-tier.yaml"), []byte(dataProfile), 0o644); err != nil {
		t.Fatal(err)
	}
	d := &dataTier{platform: p, args: []string{"setup-platform", "--profile", "data-tier", "--catalog-dir", dir, "--state-dir", filepath.Join(dir, "state"), "--lock-file", "off"}}
	for _, part := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"Slim_Runs", d.slim},
		{"HA_StartsFromWhatSlimHolds", d.ha},
		{"Prometheus_SeesEveryNode", d.scraped},
		{"PostgresLeaderKilled_NoAcknowledgedRowIsLost", d.postgresFailover},
		{"RedisMasterKilled_ItsReplicaTakesOver", d.redisFailover},
		{"Valkey_GoesOnFromWhatRedisHolds", d.valkey},
		{"ValkeyMasterKilled_ItsReplicaTakesOver", d.redisFailover},
	} {
		if !t.Run(part.name, part.run) {
			break
		}
	}
	p.hyaction(t, "platform", "down", "--state-dir", filepath.Join(dir, "state"))
	p.nothingLeft(t)
	t.Run("ValkeySlim_RunsAlone", d.valkeySlim)
	p.hyaction(t, "platform", "down", "--state-dir", filepath.Join(dir, "state"))
	p.nothingLeft(t)
}

type dataTier struct {
	*platform
	args  []string
	sizes string
}

// setup brings the platform to the sizes that are chosen now.
func (d *dataTier) setup(t *testing.T) string {
	t.Helper()
	return d.hyaction(t, append(d.args, "--sizes", d.sizes)...)
}

// valkeySlim is the one node with the other engine, which starts from nothing: Redis
// would not read back what it writes.
func (d *dataTier) valkeySlim(t *testing.T) {
	d.args, d.sizes = append(d.args, "--components", "-postgres -platform-databases -postgres-exporter"), "redis-cluster=valkey"
	d.setup(t)
	client := d.redis(t)
	defer client.Close()
	if err := client.Set(t.Context(), "engine", "valkey", 0).Err(); err != nil {
		t.Error(err)
	}
	if info, err := client.Info(t.Context(), "server").Result(); !strings.Contains(info, "server_name:valkey") || err != nil {
		t.Errorf("the engine is not Valkey: %v\n%s", err, info)
	}
	d.unchanged(t)
}

// unchanged runs once more and finds all as it is.
func (d *dataTier) unchanged(t *testing.T) {
	t.Helper()
	if out := d.setup(t); !strings.Contains(out, "\nchanged=false\n") {
		t.Errorf("one more run changed something:\n%s", out)
	}
}

func (d *dataTier) slim(t *testing.T) {
	d.sizes = "postgres=slim redis-cluster=slim"
	d.setup(t)
	d.unchanged(t)
	d.sql(t, "CREATE TABLE acknowledged (n bigint PRIMARY KEY); INSERT INTO acknowledged VALUES (-1)")
}

func (d *dataTier) ha(t *testing.T) {
	d.sizes = "postgres=ha redis-cluster=ha"
	start := time.Now()
	d.setup(t)
	t.Logf("up after %s", time.Since(start).Round(time.Second))
	d.tellMemory(t)
	if got := d.sql(t, "SELECT n FROM acknowledged"); got != "-1" {
		t.Errorf("of the row that slim took there is %q", got)
	}
	status := func() (string, error) {
		c := exec.CommandContext(t.Context(), filepath.Join(d.out, "bin", "hyaction"), "platform", "status", "--state-dir", d.args[6])
		out, err := c.CombinedOutput()
		return string(out), err
	}
	if out, err := status(); err != nil {
		t.Errorf("status: %v\n%s", err, out)
	}
	d.sql(t, "DROP DATABASE n8n")
	if out, err := status(); err == nil || !strings.Contains(out, "database n8n is missing") {
		t.Errorf("a database is gone, and the status ends with %v:\n%s", err, out)
	}
	d.setup(t)
	if out, err := status(); err != nil {
		t.Errorf("status: %v\n%s", err, out)
	}
}

// container is the name that Compose gives to a service's only one.
func container(project, service string) string { return "hy-home-" + project + "-" + service + "-1" }

// address is where this machine reaches a container; "" while it is down.
func (d *dataTier) address(name string) string {
	out, err := exec.Command("docker", "inspect", "--format", "{{.NetworkSettings.Networks.infra_net.IPAddress}}", name).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// secret is a password that the platform generated.
func (d *dataTier) secret(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(d.args[6], "secrets.json"))
	if err != nil {
		t.Fatal(err)
	}
	secrets := map[string]string{}
	if err := json.Unmarshal(text, &secrets); err != nil || secrets[name] == "" {
		t.Fatalf("there is no %s: %v", name, err)
	}
	return secrets[name]
}

// scraped starts the bed's Prometheus with what the catalog's own objects say.
func (d *dataTier) scraped(t *testing.T) {
	const name = "hyt-prometheus"
	_ = exec.Command("docker", "rm", "--force", name).Run()
	file := filepath.Join(t.TempDir(), "prometheus.yml")
	if err := os.WriteFile(file, d.prometheusConfig(t), 0o644); err != nil {
		t.Fatal(err)
	}
	p := d.platform
	p.command(t, "docker", "create", "--name", name, "--network", "infra_net", "prom/prometheus:v2.42.0", "--config.file=/prometheus.yml", "--storage.tsdb.path=/prometheus")
	t.Cleanup(func() { _ = exec.Command("docker", "rm", "--force", name).Run() })
	p.command(t, "docker", "cp", file, name+":/prometheus.yml")
	p.command(t, "docker", "start", name)
	want := map[string]string{
		"pg_up":    "postgres-exporter=1",
		"redis_up": "redis-node-1=1 redis-node-2=1 redis-node-3=1 redis-node-4=1 redis-node-5=1 redis-node-6=1",
	}
	for metric, instances := range want {
		got := ""
		for deadline := time.Now().Add(2 * time.Minute); got != instances && time.Now().Before(deadline); time.Sleep(500 * time.Millisecond) {
			got = d.query(name, metric)
		}
		if got != instances {
			t.Errorf("%s: got %q, want %q\n%s", metric, got, instances, p.command(t, "docker", "logs", "--tail", "5", name))
		}
	}
}

// query is what Prometheus answers: instance=value, in the order of the instances.
func (d *dataTier) query(name, promql string) string {
	res, err := http.Get("http://" + net.JoinHostPort(d.address(name), "9090") + "/api/v1/query?query=" + url.QueryEscape(promql))
	if err != nil {
		return err.Error()
	}
	defer res.Body.Close()
	var answer struct {
		Data struct {
			Result []struct {
				Metric map[string]string
				Value  [2]any
			}
		}
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return err.Error()
	}
	var all []string
	for _, r := range answer.Data.Result {
		all = append(all, fmt.Sprintf("%s=%s", r.Metric["instance"], r.Value[1]))
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// prometheusConfig says in Prometheus' words what the ScrapeConfigs of
// data-tier-metrics say in the operator's, and asks more often.
func (d *dataTier) prometheusConfig(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(d.root, "internal/catalog/components/data-tier-metrics/manifests/scrapeconfigs.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	words := strings.NewReplacer("jobName", "job_name", "metricsPath", "metrics_path", "scrapeInterval", "scrape_interval", "refreshInterval", "refresh_interval",
		"dnsSDConfigs", "dns_sd_configs", "httpSDConfigs", "http_sd_configs", "relabelings", "relabel_configs", "sourceLabels", "source_labels", "targetLabel", "target_label")
	often := regexp.MustCompile(`(_interval": ?)"15s"`)
	var jobs []any
	for _, document := range strings.Split(string(text), "\n---\n") {
		var object struct{ Spec map[string]any }
		if err := yaml.Unmarshal([]byte(document), &object); err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(object.Spec)
		if err != nil {
			t.Fatal(err)
		}
		var job any
		if err := json.Unmarshal([]byte(often.ReplaceAllString(words.Replace(string(raw)), `$1"2s"`)), &job); err != nil {
			t.Fatal(err)
		}
		jobs = append(jobs, job)
	}
	config, err := yaml.Marshal(map[string]any{"global": map[string]any{"scrape_timeout": "2s", "scrape_interval": "2s"}, "scrape_configs": jobs})
	if err != nil {
		t.Fatal(err)
	}
	return config
}
