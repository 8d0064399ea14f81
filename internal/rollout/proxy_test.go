package rollout

import (
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

// TestServiceProxy_UsesTheKubeconfig asks a Service through an API server that
// lives below a path, has a certificate of its own and wants a token.
func TestServiceProxy_UsesTheKubeconfig(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret" {
			http.Error(w, "who are you", http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, r.URL.Path)
	}))
	defer server.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	path := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf(`apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "%s/k8s", certificate-authority-data: %s}}]
users: [{name: u, user: {token: secret}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
current-context: c
`, server.URL, base64.StdEncoding.EncodeToString(ca))
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Connect(path, "", func(string, ...any) {})
	if err != nil {
		t.Fatal(err)
	}
	base, client, err := c.ServiceProxy("monitoring", "prometheus", "9090")
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Get(base + "/api/v1/query")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	if want := "/k8s/api/v1/namespaces/monitoring/services/prometheus:9090/proxy/api/v1/query"; string(body) != want {
		t.Errorf("%s, want %s", body, want)
	}
	if c.Calls() != 1 {
		t.Errorf("%d calls counted", c.Calls())
	}
}
