package ready

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/testbed/plain/plaintest"
)

// admission is a webhook's server.
func admission(t *testing.T) (*httptest.Server, *atomic.Bool) {
	refuse := new(atomic.Bool)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review struct {
			Request struct {
				UID string `json:"uid"`
			} `json:"request"`
		}
		_ = json.NewDecoder(r.Body).Decode(&review)
		response := map[string]any{"uid": review.Request.UID, "allowed": !refuse.Load()}
		if refuse.Load() {
			response["status"] = map[string]any{"message": "10.0.0.0 is not a CIDR"}
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response})
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(s.Close)
	return s, refuse
}

// The webhook's configuration is there, then its server, then the certificate:
// the order in which cert-manager, Kyverno and MetalLB come up.
func TestBed_WebhookThatIsNotTrustedYet(t *testing.T) {
	s := open(t)
	server, refuse := admission(t)
	name := s.namespace
	config := func(bundle string) string {
		return "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingWebhookConfiguration\nmetadata: {name: $NS}\nwebhooks:\n- name: pools.example.com\n  admissionReviewVersions: [v1]\n  sideEffects: None\n  timeoutSeconds: 2\n" +
			"  namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: $NS}}\n  rules: [{apiGroups: [\"\"], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}]\n" +
			"  clientConfig: {url: 'https://" + server.Listener.Addr().String() + "/validate', caBundle: " + bundle + "}\n"
	}
	t.Cleanup(func() {
		gvr := schema.GroupVersionResource{Group: "admissionregistration.k8s.io", Version: "v1", Resource: "validatingwebhookconfigurations"}
		_ = s.Dynamic.Resource(gvr).Delete(context.Background(), name, metav1.DeleteOptions{})
	})
	c := s.component(catalog.Probe{CABundle: &catalog.CABundleProbe{Kind: "ValidatingWebhookConfiguration", Name: name}}, catalog.Probe{Webhook: &catalog.WebhookProbe{Manifest: "probe.yaml"}})
	c.Files = fstest.MapFS{"probe.yaml": {Data: []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: probe}\n")}}
	wait := func(d time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), d)
		defer cancel()
		return s.Wait(ctx, c, quiet)
	}
	runsOut(t, wait, "CA bundle of validatingwebhookconfiguration", "not there yet")
	s.apply(t, config(`""`))
	runsOut(t, wait, "pools.example.com has no CA bundle")

	s.apply(t, config(base64.StdEncoding.EncodeToString(otherCA(t))))
	done := make(chan error, 1)
	go func() { done <- wait(plaintest.Patience) }()
	time.Sleep(time.Second) // nothing listens yet: the wait above has to see that and go on
	server.StartTLS()
	runsOut(t, wait, "webhook behind probe.yaml is not ready", "failed calling webhook", "x509: certificate signed by unknown authority")
	own := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	s.apply(t, config(base64.StdEncoding.EncodeToString(own)))
	if err := <-done; err != nil {
		t.Fatal(err)
	}

	// It answers, and says no.
	refuse.Store(true)
	says(t, wait(plaintest.Patience), "10.0.0.0 is not a CIDR")
	c.Ready[1].Webhook.Refuses = "is not a CIDR"
	if err := wait(plaintest.Patience); err != nil {
		t.Error(err)
	}
	refuse.Store(false)
	runsOut(t, wait, `accepts what it must refuse with "is not a CIDR"`)
	if _, err := s.Client.CoreV1().ConfigMaps(s.namespace).Get(t.Context(), "probe", metav1.GetOptions{}); err == nil {
		t.Error("the dry run made an object")
	}
}

// otherCA is a certificate that signed nothing here.
func otherCA(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
