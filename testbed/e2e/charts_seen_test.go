package e2e

import (
	"bytes"
	"encoding/base64"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/testkit"
	"github.com/buenhyden/hy-home/testbed/plain/plaintest"
)

// faceless is a catalog with kube-prometheus-stack and what needs it, as they are but
// for Grafana and Alertmanager: there is nothing that their images could be made of.
// It puts the values that leave them out into the directory for values.
func (p *platform) faceless(t *testing.T, values string) string {
	t.Helper()
	from, to := filepath.Join(p.root, "internal", "catalog", "components"), t.TempDir()
	for _, c := range []struct{ of, name string }{{"kube-prometheus-stack", "faceless-stack"}, {"data-tier-metrics", "faceless-metrics"}} {
		dir := filepath.Join(to, "components", c.name)
		if err := os.CopyFS(dir, os.DirFS(filepath.Join(from, c.of))); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, "component.yaml")
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text = []byte(strings.NewReplacer("kube-prometheus-stack", "faceless-stack", "data-tier-metrics", "faceless-metrics").Replace(string(text)))
		text = regexp.MustCompile(`(?m)^secrets: .*\n|^kubernetes-secrets:\n(  .*\n)+|^  - .*(grafana|k8s-sidecar|alertmanager|kind: Alertmanager).*\n`).ReplaceAll(text, nil)
		text = bytes.Replace(text, []byte("chart: faceless-stack"), []byte("chart: kube-prometheus-stack"), 1)
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(to, "profiles"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(values, "faceless-stack.yaml"), []byte("grafana: {enabled: false}\nalertmanager: {enabled: false}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return to
}

// opensSealed seals a secret outside of the cluster, which never made the key itself.
func (p *platform) opensSealed(t *testing.T, certificate string) {
	p.apply(t, testkit.Seal(t, filepath.Join(plaintest.BinDir(), "kubeseal"), certificate, "apps", "shop"))
	type secret struct {
		Metadata struct{ Name string }
		Data     map[string]string
	}
	var secrets struct{ Items []secret }
	p.get(t, "/api/v1/namespaces/apps/secrets", &secrets, func() bool {
		return slices.ContainsFunc(secrets.Items, func(s secret) bool {
			password, _ := base64.StdEncoding.DecodeString(s.Data["password"])
			return s.Metadata.Name == "shop" && string(password) == "of shop"
		})
	})
}

// seen asks the Prometheus that the operator made for what only the component
// behind each metric can have told it.
func (p *platform) seen(t *testing.T) {
	for promql, want := range map[string]string{
		`up{job="node-exporter"}`: "1 1 1",
		`sum(node_uname_info)`:    "3",
		`sum(kube_node_info)`:     "3",
		`kube_deployment_status_replicas_available{deployment="kps-operator"}`: "1",
		`up{job="kubelet",metrics_path="/metrics"}`:                            "1 1 1",
		`up{job="apiserver"}`:                 "1",
		`redis_up{instance="redis-node-1"}`:   "1",
		`pg_up{instance="postgres-exporter"}`: "1",
	} {
		var answer struct {
			Data struct{ Result []struct{ Value [2]any } }
		}
		p.get(t, "/api/v1/namespaces/monitoring/services/prometheus:9090/proxy/api/v1/query?query="+url.QueryEscape(promql), &answer, func() bool {
			var values []string
			for _, r := range answer.Data.Result {
				value, _ := r.Value[1].(string)
				values = append(values, value)
			}
			return strings.Join(values, " ") == want
		})
	}
}
