package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/buenhyden/hy-home/internal/testkit"
	"github.com/buenhyden/hy-home/testbed/internal/host"
	"github.com/buenhyden/hy-home/testbed/internal/node"
)

// chartsPlatform is a platform beside the one of the other parts.
const chartsPlatform = "charts"

// asked is what a user would ask of the components: an address for a Service, and a
// certificate of the platform's own authority.
const asked = `apiVersion: v1
kind: Service
metadata: {name: opened, namespace: metrics-server}
spec:
  type: LoadBalancer
  selector: {app.kubernetes.io/name: metrics-server}
  ports: [{port: 8443, targetPort: https}]
---
apiVersion: v1
kind: Namespace
metadata: {name: apps}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: shop, namespace: apps}
spec:
  secretName: shop-tls
  dnsNames: [shop.apps.svc]
  issuerRef: {name: hy-home-ca, kind: ClusterIssuer}
`

// older is what MetalLB v0.15.2 lacks of the chart's v0.16.1, see the part's go.mod:
// it does not listen on the port of the probes.
const older = `controller: {livenessProbe: {enabled: false}, readinessProbe: {enabled: false}}
speaker: {livenessProbe: {enabled: false}, readinessProbe: {enabled: false}, startupProbe: {enabled: false}}
`

// chosen are the components that run through charts, and of the data tier what the
// cluster's Prometheus is to see.
const chosen = "+metrics-server +metallb-pool +cert-manager-issuers +local-path +sealed-secrets +charted-rollouts +redis-exporter +postgres-exporter " +
	"+infra-bridge +faceless-stack +faceless-metrics"

// charts runs upstream's own charts with the catalog's values, but for [older]; the
// images under their names are built from source. What the components' probes saw
// is seen once more from outside, as a user sees it.
func (p *platform) charts(t *testing.T) {
	dir := chartDirectory(t)
	for _, level := range []string{"data", "charts"} {
		p.command(t, "go", "run", "./testbed", "up", level)
	}
	certificate, private := testkit.SealingKey(t)
	key := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(key, slices.Concat(certificate, private), 0o600); err != nil {
		t.Fatal(err)
	}
	values := t.TempDir()
	if err := os.WriteFile(filepath.Join(values, "metallb.yaml"), []byte(older), 0o600); err != nil {
		t.Fatal(err)
	}
	catalog := p.faceless(t, values)
	writeCharted(t, catalog)
	args := []string{
		"setup-platform", "--name", chartsPlatform, "--profile", "bare", "--components", chosen, "--catalog-dir", catalog,
		"--sealed-secrets-key-file", key, "--chart-dir", dir, "--values-dir", values, "--node-image", node.Name, "--registry-mirror", host.Mirror, "--lock-file", "off",
	}
	p.hyaction(t, "platform", "down", "--name", chartsPlatform) // of a run that was killed
	t.Cleanup(func() {
		// Not by p.command, whose context has ended when a test cleans up.
		out, err := exec.Command(filepath.Join(p.out, "bin", "hyaction"), "platform", "down", "--name", chartsPlatform).CombinedOutput()
		if err != nil {
			t.Errorf("platform down: %v\n%s", err, out)
		}
	})
	start := time.Now()
	p.hyaction(t, args...)
	t.Logf("the platform is up after %s", time.Since(start).Round(time.Second))
	if out := p.hyaction(t, args...); !strings.Contains(out, "\nchanged=false\n") {
		t.Errorf("a second run changed something:\n%s", out)
	}
	p.apply(t, asked)

	t.Run("MetricsServer_MeasuresNodesAndPods", p.measured)
	t.Run("MetalLB_GivesAnAddressThatTheHostOpens", p.opened)
	t.Run("CertManager_IssuesWhatTheAuthoritySigned", p.issued)
	t.Run("SealedSecrets_OpensWhatWasSealedForTheGivenKey", func(t *testing.T) { p.opensSealed(t, string(certificate)) })
	t.Run("ArgoRollouts_BringsOutAReleaseInSteps", p.released)
	t.Run("Prometheus_SeesTheClusterAndTheDataTier", p.seen)
	p.tellMemory(t)
	t.Log(p.inCharts(t, "kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf", "get", "podmetrics", "-A", "-o",
		`jsonpath={range .items[*]}{.metadata.namespace}/{.metadata.name}{range .containers[*]} {.name} {.usage.memory}{end}{"\n"}{end}`))
}

// tellMemory logs what each container takes: what budgets in the catalog are based on.
func (p *platform) tellMemory(t *testing.T) {
	t.Helper()
	t.Log(p.command(t, "docker", "stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}}"))
}

// chartDirectory is where packaged charts lie: HYACTION_CHART_DIR, or a directory
// beside the checkout.
func chartDirectory(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("HYACTION_CHART_DIR")
	if dir == "" {
		dir = filepath.Join(checkout(t), "..", "shared", "charts")
	}
	if found, _ := filepath.Glob(filepath.Join(dir, "*.tgz")); len(found) == 0 {
		t.Skipf("there are no packaged charts in %s: set HYACTION_CHART_DIR", dir)
	}
	return dir
}

func (p *platform) inCharts(t *testing.T, command ...string) string {
	t.Helper()
	return p.command(t, "docker", append([]string{"exec", chartsPlatform + "-control-plane"}, command...)...)
}

// apply hands objects to the API server.
func (p *platform) apply(t *testing.T, objects string) {
	t.Helper()
	p.inCharts(t, "sh", "-c", "cat <<'END' | kubectl --kubeconfig /etc/kubernetes/admin.conf apply -f -\n"+objects+"\nEND")
}

// get asks the API server for a path until the answer is what is waited for.
func (p *platform) get(t *testing.T, path string, into any, arrived func() bool) {
	t.Helper()
	const within = 5 * time.Minute                                      // discovery and scraping take up to 45 s, on a machine that is idle
	for deadline := time.Now().Add(within); ; time.Sleep(time.Second) { // between two looks: what is looked at is changed by others
		answer := p.inCharts(t, "kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf", "get", "--raw", path)
		if err := json.Unmarshal([]byte(answer), into); err != nil {
			t.Fatalf("%s: %v\n%s", path, err, answer)
		}
		if arrived() {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s answers after %s:\n%s", path, within, answer)
		}
	}
}

func (p *platform) measured(t *testing.T) {
	type usage struct{ CPU, Memory string }
	var nodes struct{ Items []struct{ Usage usage } }
	p.get(t, "/apis/metrics.k8s.io/v1beta1/nodes", &nodes, func() bool {
		for _, n := range nodes.Items {
			if n.Usage.CPU == "" || n.Usage.Memory == "" {
				return false
			}
		}
		return len(nodes.Items) == 3
	})
	var pods struct {
		Items []struct{ Containers []struct{ Usage usage } }
	}
	p.get(t, "/apis/metrics.k8s.io/v1beta1/namespaces/cert-manager/pods", &pods, func() bool {
		for _, pod := range pods.Items {
			if len(pod.Containers) == 0 || pod.Containers[0].Usage.Memory == "" {
				return false
			}
		}
		return len(pods.Items) == 3
	})
}

func (p *platform) opened(t *testing.T) {
	var service struct {
		Status struct {
			LoadBalancer struct{ Ingress []struct{ IP string } }
		}
	}
	p.get(t, "/api/v1/namespaces/metrics-server/services/opened", &service, func() bool {
		return len(service.Status.LoadBalancer.Ingress) == 1 && service.Status.LoadBalancer.Ingress[0].IP != ""
	})
	ip := service.Status.LoadBalancer.Ingress[0].IP
	if !strings.HasPrefix(ip, "172.18.") {
		t.Errorf("%s is not of the nodes' network", ip)
	}
	// It signs its own certificate; what counts is who answers.
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // see above
	}}
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(500 * time.Millisecond) {
		res, err := client.Get("https://" + ip + ":8443/livez")
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return
			}
			t.Fatalf("%s answers %s", ip, res.Status)
		}
		if time.Now().After(deadline) {
			t.Fatalf("this machine cannot open %s: %v", ip, err)
		}
	}
}

func (p *platform) issued(t *testing.T) {
	var certificate struct {
		Status struct {
			Conditions []struct{ Type, Status string }
		}
	}
	p.get(t, "/apis/cert-manager.io/v1/namespaces/apps/certificates/shop", &certificate, func() bool {
		for _, c := range certificate.Status.Conditions {
			if c.Type == "Ready" && c.Status == "True" {
				return true
			}
		}
		return false
	})
	secret := func(path, key string) []byte {
		t.Helper()
		var s struct{ Data map[string]string }
		p.get(t, path, &s, func() bool { return s.Data[key] != "" })
		data, err := base64.StdEncoding.DecodeString(s.Data[key])
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	authority := x509.NewCertPool()
	authority.AppendCertsFromPEM(secret("/api/v1/namespaces/cert-manager/secrets/hy-home-ca", "tls.crt"))
	const path = "/api/v1/namespaces/apps/secrets/shop-tls"
	pair, err := tls.X509KeyPair(secret(path, "tls.crt"), secret(path, "tls.key"))
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := leaf.Verify(x509.VerifyOptions{DNSName: "shop.apps.svc", Roots: authority}); err != nil {
		t.Errorf("the authority of the platform did not sign it: %v", err)
	}
}
