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
	"testing"
	"testing/fstest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/testbed/plain/plaintest"
)

func TestMain(m *testing.M) { plaintest.Main(m) }

// webhookLate is how much later the webhook answers than it is registered.
const webhookLate = 30 * time.Second

// A component whose objects a webhook must let pass is applied as soon as the
// webhook answers, which is half a minute after everything else is there.
func TestBed_WebhookThatAnswersLate(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it waits for half a minute")
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
	address := server.Listener.Addr().String()
	_ = server.Listener.Close() // nobody listens until it is time
	other := httptest.NewTLSServer(answer)
	ca := base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: other.Certificate().Raw})) // that of all test servers
	other.Close()

	bed.Apply(t, ns, strings.NewReplacer("$NS", ns, "$ADDRESS", address, "$CA", ca).Replace(`
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
	client, err := kubernetes.NewForConfig(bed.Config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Delete(context.Background(), ns, metav1.DeleteOptions{})
	})

	var up time.Time
	timer := time.AfterFunc(webhookLate, func() {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			t.Errorf("the webhook's port is taken: %v", err)
			return
		}
		server.Listener, up = listener, time.Now()
		server.StartTLS()
	})
	t.Cleanup(func() {
		if !timer.Stop() {
			server.Close()
		}
	})
	c := catalog.Component{
		Name: "pools", Namespace: ns,
		Files: fstest.MapFS{"manifests/pool.yaml": {Data: []byte("apiVersion: v1\nkind: Secret\nmetadata: {name: pool}\n")}},
		Ready: []catalog.Probe{{Object: &catalog.ObjectProbe{Kind: "Secret", Name: "pool"}}},
	}
	env := testEnv(t)
	env.Kubeconfig = bed.Kubeconfig
	retries := 0
	results, err := engine.Run(t.Context(), []engine.Node{{ID: "pools", Timeout: time.Minute, Run: func(ctx context.Context, _ func(string)) (engine.Outcome, error) {
		return Driver{}.Apply(ctx, c, env)
	}}}, engine.Options{Observe: func(e engine.Event) {
		if e.Kind == engine.Retrying {
			retries++
			t.Logf("%s: %v", e.Text, e.Err)
			if !strings.Contains(e.Err.Error(), "failed calling webhook") {
				t.Errorf("it is tried again for another reason: %v", e.Err)
			}
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	after := results[0].End.Sub(up)
	t.Logf("%d tries, applied %.1f s after the webhook was up", results[0].Attempts, after.Seconds())
	if retries < 3 || after > 10*time.Second {
		t.Errorf("%d retries, applied %s after the webhook was up", retries, after)
	}
}
