package manifest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/testbed/plain/plaintest"
)

func TestMain(m *testing.M) { plaintest.Main(m) }

// refusals is how many tries meet a webhook that is registered and does not answer yet.
const refusals = 6

// late is a listener at which nobody answers until it is open.
type late struct {
	net.Listener
	open atomic.Bool
}

func (l *late) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil || l.open.Load() {
			return c, err
		}
		_ = c.Close()
	}
}

// A component whose objects a webhook must let pass is applied by the first try
// that the webhook answers, and not given up before.
func TestBed_WebhookThatAnswersLate(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: the pauses between the tries take a quarter of a minute")
	}
	bed := plaintest.Start(t)
	ns := bed.Namespace(t)
	answer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review struct {
			Request struct {
				UID string `json:"uid"`
			} `json:"request"`
		}
		_ = json.NewDecoder(r.Body).Decode(&review)
		_ = json.NewEncoder(w).Encode(map[string]any{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": map[string]any{"uid": review.Request.UID, "allowed": true}})
	})
	server := httptest.NewUnstartedServer(answer)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	listener := &late{Listener: server.Listener}
	server.Listener = listener
	server.StartTLS()
	t.Cleanup(server.Close)
	ca := base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))

	bed.Apply(t, ns, strings.NewReplacer("$NS", ns, "$ADDRESS", listener.Addr().String(), "$CA", ca).Replace(`
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: $NS}
webhooks:
- name: pools.example.com
  admissionReviewVersions: [v1]
  sideEffects: None
  timeoutSeconds: 2
  namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: $NS}}
  rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [secrets]}]
  clientConfig: {url: 'https://$ADDRESS/', caBundle: $CA}
`))
	client := bed.Clientset(t)
	t.Cleanup(func() {
		_ = client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Delete(context.Background(), ns, metav1.DeleteOptions{})
	})

	c := catalog.Component{
		Name: "pools", Namespace: ns,
		Files: fstest.MapFS{"manifests/pool.yaml": {Data: []byte("apiVersion: v1\nkind: Secret\nmetadata: {name: pool}\n")}},
		Ready: []catalog.Probe{{Object: &catalog.ObjectProbe{Kind: "Secret", Name: "pool"}}},
	}
	env := testEnv(t)
	env.Kubeconfig = bed.Kubeconfig
	retries := 0
	results, err := engine.Run(t.Context(), []engine.Node{{ID: "pools", Run: func(ctx context.Context, _ func(string)) (engine.Outcome, error) {
		return Driver{}.Apply(ctx, c, env)
	}}}, engine.Options{Observe: func(e engine.Event) {
		if e.Kind == engine.Retrying {
			retries++
			listener.open.Store(retries >= refusals)
			t.Logf("%s: %v", e.Text, e.Err)
			if !strings.Contains(e.Err.Error(), "failed calling webhook") {
				t.Errorf("it is tried again for another reason: %v", e.Err)
			}
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if got := results[0].Attempts; got != refusals+1 {
		t.Errorf("applied by try %d, want %d", got, refusals+1)
	}
}
