package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/buenhyden/hy-home/testbed/internal/host"
)

// lock is the lock of the bed's own images, which upstream's digests do not fit:
// asked of its registry, by the command that users have for theirs.
func (p *platform) lock(t *testing.T) string {
	t.Helper()
	file := filepath.Join(p.out, "platform.lock")
	p.hyaction(t, "lock", "update", "--file", file, "--registry-mirror", "http://"+host.RegistryAddr)
	return file
}

// everywhere runs an image on all nodes that only one of them has had.
const everywhere = `apiVersion: apps/v1
kind: DaemonSet
metadata: {name: everywhere, namespace: default}
spec:
  selector: {matchLabels: {app: everywhere}}
  template:
    metadata: {labels: {app: everywhere}}
    spec:
      tolerations: [{operator: Exists}]
      containers: [{name: prometheus, image: "docker.io/prom/prometheus:v2.42.0"}]
`

// pulls sees three nodes run an image, and in the cache's own counters that not
// one byte more of it came over the wire.
func (p *platform) pulls(t *testing.T) {
	p.hyaction(t, p.setup(t)...)
	before := p.counters(t)
	if before.Misses == 0 || before.BytesPulled == 0 {
		t.Errorf("the cache has fetched nothing: %+v", before)
	}
	inNode := func(script string) string {
		return p.command(t, "docker", "exec", "hy-home-control-plane", "sh", "-c", "export KUBECONFIG=/etc/kubernetes/admin.conf; "+script)
	}
	inNode("kubectl apply -f - <<'EOF'\n" + everywhere + "EOF\nkubectl rollout status daemonset/everywhere --timeout=300s")
	ready := inNode("kubectl get daemonset everywhere -o jsonpath='{.status.numberReady}'")
	inNode("kubectl delete daemonset everywhere")
	after := p.counters(t)
	if ready != "3" || after.Hits <= before.Hits || after.Misses != before.Misses || after.BytesPulled != before.BytesPulled {
		t.Errorf("%s nodes run it; the blobs of the cache before and after: %+v, %+v", ready, before, after)
	}
}

// fallback sees a node pull an image while the cache of its registry is away. The
// bed reaches no public registry: for this part the hosts.toml that the platform
// wrote names the bed's own as the upstream, and nothing else in it is touched.
func (p *platform) fallback(t *testing.T) {
	const node, cache, image = "hy-home-worker", "hy-home-cache-docker-io", "docker.io/library/redis:7.0.15"
	inNode := func(script string) string { return p.command(t, "docker", "exec", node, "sh", "-ec", script) }
	const hosts = "/etc/containerd/certs.d/docker.io/hosts.toml"
	if text := inNode("cat " + hosts); !strings.Contains(text, `server = "https://registry-1.docker.io"`) || !strings.Contains(text, `[host."http://`+cache+`:5000"]`) {
		t.Fatalf("a node is told of other registries:\n%s", text)
	}
	inNode("sed -i 's#https://registry-1.docker.io#" + host.Mirror + "#' " + hosts)
	p.command(t, "docker", "stop", "--time", "1", cache)
	defer p.command(t, "docker", "start", cache) // also when the pull fails
	inNode("ctr --namespace k8s.io images rm --sync " + image)
	start := time.Now()
	control := func(script string) string {
		return p.command(t, "docker", "exec", "hy-home-control-plane", "sh", "-ec", "export KUBECONFIG=/etc/kubernetes/admin.conf; "+script)
	}
	pod := fmt.Sprintf(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"fallback"},"spec":{"nodeName":%q,"containers":[{"name":"redis","image":%q,"imagePullPolicy":"Always"}]}}`, node, image)
	control("kubectl apply -f - <<'EOF'\n" + pod + "\nEOF\nkubectl wait --for=condition=Ready pod/fallback --timeout=300s")
	control("kubectl delete pod fallback --now")
	t.Logf("pulled without the cache in %s", time.Since(start).Round(time.Millisecond))
	// A run puts the file right, and the cache.
	p.hyaction(t, p.setup(t)...)
	if text := inNode("cat " + hosts); !strings.Contains(text, `server = "https://registry-1.docker.io"`) {
		t.Errorf("a run leaves what somebody changed on a node:\n%s", text)
	}
}

type counters struct{ Hits, Misses, BytesPulled uint64 }

// counters are those of the blobs in the cache of Docker Hub.
func (p *platform) counters(t *testing.T) counters {
	t.Helper()
	at := strings.TrimSpace(p.command(t, "docker", "port", "hy-home-cache-docker-io", "5001/tcp"))
	res, err := http.Get("http://" + at + "/debug/vars")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var vars struct {
		Registry struct {
			Proxy struct{ Blobs counters }
		}
	}
	if err := json.NewDecoder(res.Body).Decode(&vars); err != nil {
		t.Fatal(err)
	}
	return vars.Registry.Proxy.Blobs
}
