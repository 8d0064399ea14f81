package e2e

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

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
	inNode("kubectl apply -f - <<'EOF'\n" + everywhere + "EOF\nkubectl rollout status daemonset/everywhere --timeout=120s")
	ready := inNode("kubectl get daemonset everywhere -o jsonpath='{.status.numberReady}'")
	inNode("kubectl delete daemonset everywhere")
	after := p.counters(t)
	if ready != "3" || after.Hits <= before.Hits || after.Misses != before.Misses || after.BytesPulled != before.BytesPulled {
		t.Errorf("%s nodes run it; the blobs of the cache before and after: %+v, %+v", ready, before, after)
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
