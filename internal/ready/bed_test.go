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
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/testbed/plain/plaintest"
)

// What others call ready and is not: each case is a defect of a tool that stands
// platforms up, against a real API server, scheduler and controllers.

func TestMain(m *testing.M) { plaintest.Main(m) }

// scene is one namespace of the bed and what is asked about it.
type scene struct {
	*plaintest.Bed
	*Cluster
	namespace string
	asked     *atomic.Int32 // requests to the API server
}

func open(t *testing.T) *scene {
	t.Parallel()
	bed := plaintest.Start(t)
	asked := new(atomic.Int32)
	cfg := rest.CopyConfig(bed.Config)
	cfg.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) { asked.Add(1); return next.RoundTrip(r) })
	})
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &scene{bed, c, bed.Namespace(t), asked}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// wait waits for the probes, at most d.
func (s *scene) wait(t *testing.T, d time.Duration, probes ...catalog.Probe) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	return s.Wait(ctx, s.component(probes...), func(text string) { t.Log(text) })
}

func (s *scene) component(probes ...catalog.Probe) catalog.Component {
	return catalog.Component{Name: "x", Namespace: s.namespace, Ready: probes}
}

// apply applies YAML in which $NS is the namespace.
func (s *scene) apply(t *testing.T, yaml string) {
	t.Helper()
	s.Apply(t, s.namespace, strings.ReplaceAll(yaml, "$NS", s.namespace))
}

// patch merges a patch into an object, or into its status.
func (s *scene) patch(t *testing.T, gvr schema.GroupVersionResource, namespace, name, patch string, sub ...string) {
	t.Helper()
	if _, err := s.Dynamic.Resource(gvr).Namespace(namespace).Patch(t.Context(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{}, sub...); err != nil {
		t.Fatal(err)
	}
}

// says fails the test unless err holds all texts.
func says(t *testing.T, err error, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("got %v, want it to say %q", err, text)
		}
	}
}

func object(kind, name string) catalog.Probe {
	return catalog.Probe{Object: &catalog.ObjectProbe{Kind: kind, Name: name}}
}

// workload is one of any kind; RESTART is for its restart policy.
func workload(kind, name, fields, annotations string) string {
	version := catalog.BuiltIn[kind]
	return fmt.Sprintf(`
apiVersion: %s
kind: %s
metadata: {name: %s}
spec:
  %s
  template:
    metadata: {labels: {app: %s}, annotations: {%s}}
    spec: {RESTARTcontainers: [{name: main, image: "example.com/x:v1"}]}
`, version, kind, name, fields, name, annotations)
}

func plainWorkload(kind, name, fields, annotations string) string {
	text := workload(kind, name, strings.TrimPrefix(fields+"\n  ", "\n  ")+"selector: {matchLabels: {app: "+name+"}}", annotations)
	if kind == "StatefulSet" {
		text = strings.Replace(text, "spec:\n", "spec:\n  serviceName: "+name+"\n", 1)
	}
	return strings.ReplaceAll(text, "RESTART", "")
}

const stuck = `testbed/waiting: ContainerCreating`

func TestBed_WorkloadsThatAreReady(t *testing.T) {
	s := open(t)
	for _, kind := range []string{"Deployment", "StatefulSet", "DaemonSet"} {
		s.apply(t, plainWorkload(kind, strings.ToLower(kind), "", ""))
	}
	s.apply(t, strings.ReplaceAll(workload("Job", "job", "backoffLimit: 0", ""), "RESTART", "restartPolicy: Never, "))
	err := s.wait(t, time.Minute, object("Deployment", "deployment"), object("StatefulSet", "statefulset"), object("DaemonSet", "daemonset"), object("Job", "job"),
		catalog.Probe{Object: &catalog.ObjectProbe{Kind: "Deployment", Selector: "nothing!=here"}}, catalog.Probe{CRD: "rollouts.argoproj.io"}, catalog.Probe{APIService: "v1.apps"})
	if err != nil {
		t.Error(err)
	}
}

func TestBed_WorkloadsThatAreNot(t *testing.T) {
	s := open(t)
	for _, kind := range []string{"Deployment", "StatefulSet", "DaemonSet"} {
		s.apply(t, plainWorkload(kind, strings.ToLower(kind), "", stuck))
	}
	s.apply(t, plainWorkload("Deployment", "none", "replicas: 0", ""))
	s.apply(t, strings.Replace(plainWorkload("DaemonSet", "nowhere", "", ""), "{containers", "{nodeSelector: {disk: gold}, containers", 1))
	s.apply(t, plainWorkload("StatefulSet", "by-hand", "updateStrategy: {type: OnDelete}", stuck))
	s.apply(t, strings.ReplaceAll(workload("Job", "job", "backoffLimit: 0", stuck), "RESTART", "restartPolicy: Never, "))
	var wait sync.WaitGroup
	for _, c := range []struct {
		probe catalog.Probe
		want  string
	}{
		{object("Deployment", "deployment"), "Pending 0/1"},
		{object("StatefulSet", "statefulset"), "pod statefulset-0 is Pending 0/1"},
		{object("DaemonSet", "daemonset"), "Pending 0/1"},
		{object("Deployment", "none"), "0 of 0 pods are ready"},                      // replicas: 0 is what a tool did to fit a machine
		{object("DaemonSet", "nowhere"), "no pod is ready: it is meant for no node"}, // kstatus: current
		{object("StatefulSet", "by-hand"), "0 of 1 pods are ready"},                  // kstatus: current
		{object("Job", "job"), "not complete: 1 active, 0 succeeded"},                // kstatus: current
		{object("Deployment", "lost"), "not there yet"},
		{catalog.Probe{Object: &catalog.ObjectProbe{Kind: "Pod", Selector: "app=lost"}}, "pod " + s.namespace + "/app=lost is not ready: not there yet"},
	} {
		wait.Go(func() { says(t, s.wait(t, 3*time.Second, c.probe), c.want, "context deadline exceeded") })
	}
	wait.Wait()
	// All of a component's probes that do not hold are listed, not the first alone.
	says(t, s.wait(t, time.Second, object("Deployment", "none"), object("Deployment", "lost")), "/none is not ready", "/lost is not ready")
}

// A pod that runs and is not ready passes where a tool looks at its phase.
func TestBed_RunningIsNotReady(t *testing.T) {
	s := open(t)
	s.apply(t, plainWorkload("StatefulSet", "db", "", stuck))
	pods := schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	plaintest.Until(t, 30*time.Second, func(ctx context.Context) error {
		p, err := s.Client.CoreV1().Pods(s.namespace).Get(ctx, "db-0", metav1.GetOptions{})
		if err == nil && len(p.Status.ContainerStatuses) == 0 {
			err = fmt.Errorf("phase %s", p.Status.Phase)
		}
		return err
	})
	s.patch(t, pods, s.namespace, "db-0", `{"status":{"phase":"Running","containerStatuses":[{"name":"main","image":"x","imageID":"","ready":false,"started":true,"restartCount":0,"state":{"running":{}}}]}}`, "status")
	p, err := s.Client.CoreV1().Pods(s.namespace).Get(t.Context(), "db-0", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s.warn(t, p, "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503")
	says(t, s.wait(t, 2*time.Second, object("StatefulSet", "db")), "pod db-0 is Running 0/1: Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 503")
	says(t, s.wait(t, time.Second, catalog.Probe{Object: &catalog.ObjectProbe{Kind: "Pod", Selector: "app=db"}}), "db-0: ")
}

func (s *scene) warn(t *testing.T, p *corev1.Pod, reason, message string) {
	t.Helper()
	later := metav1.NewTime(time.Now().Add(time.Minute)) // of the wait that is to come
	if _, err := s.Client.CoreV1().Events(s.namespace).Create(t.Context(), &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Name: p.Name + ".1"}, InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: s.namespace, Name: p.Name, UID: p.UID},
		Type: corev1.EventTypeWarning, Reason: reason, Message: message, LastTimestamp: later,
	}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// One of two replicas runs; the other one is refused by a quota. Both kinds fail
// at once, though only a Deployment says so in its status.
func TestBed_OneOfTwoReplicasAndAQuota(t *testing.T) {
	for _, kind := range []string{"Deployment", "StatefulSet"} {
		t.Run(kind, func(t *testing.T) {
			s := open(t)
			s.apply(t, "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: one}\nspec: {hard: {pods: \"1\"}}\n")
			plaintest.Until(t, 30*time.Second, func(ctx context.Context) error {
				q, err := s.Client.CoreV1().ResourceQuotas(s.namespace).Get(ctx, "one", metav1.GetOptions{})
				if err == nil && len(q.Status.Hard) == 0 {
					err = fmt.Errorf("the quota is not counted yet")
				}
				return err
			})
			start := time.Now()
			s.apply(t, plainWorkload(kind, "web", "replicas: 2", ""))
			says(t, s.wait(t, time.Minute, object(kind, "web")), "FailedCreate", "exceeded quota: one")
			if took := time.Since(start); took > 15*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// widgets are custom resources with a status that nobody writes but the test.
const widgets = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.ready.example.com}
spec:
  group: ready.example.com
  scope: Namespaced
  names: {kind: Widget, plural: widgets, singular: widget}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`

var widgetResource = schema.GroupVersionResource{Group: "ready.example.com", Version: "v1", Resource: "widgets"}

// The wait begins before the kind exists, goes on while nobody has looked at the
// objects (kstatus calls them current), and ends with the last one of them.
func TestBed_CustomResources(t *testing.T) {
	s := open(t)
	probe := catalog.Probe{Object: &catalog.ObjectProbe{
		Kind: "Widget", APIVersion: "ready.example.com/v1", Selector: "part=shop", Condition: "Ready",
		Fields: map[string]string{"{.status.health.status}": "Healthy", "{.status.address}": "*"},
	}}
	says(t, s.wait(t, time.Second, probe), "kind Widget of ready.example.com/v1 is not served yet")
	done := make(chan error, 1)
	go func() { done <- s.wait(t, time.Minute, probe, catalog.Probe{CRD: "widgets.ready.example.com"}) }()
	s.apply(t, widgets)
	s.apply(t, "apiVersion: ready.example.com/v1\nkind: Widget\nmetadata: {name: parent, labels: {part: shop}}\n---\napiVersion: ready.example.com/v1\nkind: Widget\nmetadata: {name: child, labels: {part: shop}}\n")
	status := func(name, ready, health string) {
		s.patch(t, widgetResource, s.namespace, name, fmt.Sprintf(`{"status":{"address":"a","health":{"status":%q},"conditions":[{"type":"Ready","status":%q,"reason":"Syncing","message":"1 of 2"}]}}`, health, ready), "status")
	}
	says(t, s.wait(t, time.Second, probe), "child: condition Ready is not there yet")
	status("parent", "True", "Healthy") // and its child is not: what an app of apps says
	status("child", "False", "Progressing")
	says(t, s.wait(t, time.Second, probe), "child: condition Ready is False: Syncing: 1 of 2")
	status("child", "True", "Progressing")
	says(t, s.wait(t, time.Second, probe), `child: {.status.health.status} is "Progressing", want "Healthy"`)
	select {
	case err := <-done:
		t.Fatalf("it ended before they were ready: %v", err)
	default:
	}
	moment := time.Now()
	status("child", "True", "Healthy")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if took := time.Since(moment); took > time.Second {
		t.Errorf("it took %s to hear of it", took)
	} else {
		t.Logf("heard of it after %s", took.Round(time.Millisecond))
	}
}

// Helm's wait knows no APIServices.
func TestBed_APIServiceWithoutAServer(t *testing.T) {
	s := open(t)
	s.apply(t, "apiVersion: apiregistration.k8s.io/v1\nkind: APIService\nmetadata: {name: v1.absent.example.com}\nspec: {group: absent.example.com, version: v1, groupPriorityMinimum: 100, versionPriority: 100, insecureSkipTLSVerify: true, service: {name: absent, namespace: $NS}}\n")
	t.Cleanup(func() {
		gvr := schema.GroupVersionResource{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"}
		_ = s.Dynamic.Resource(gvr).Delete(context.Background(), "v1.absent.example.com", metav1.DeleteOptions{})
	})
	says(t, s.wait(t, 2*time.Second, catalog.Probe{APIService: "v1.absent.example.com"}), "apiservice v1.absent.example.com is not ready: condition Available is False: ServiceNotFound")
}

func TestBed_LoadBalancer(t *testing.T) {
	s := open(t)
	s.apply(t, "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {type: LoadBalancer, ports: [{port: 80}]}\n")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	probe := catalog.Probe{LoadBalancer: &catalog.LoadBalancerProbe{Service: "web", Port: port}}
	says(t, s.wait(t, time.Second, probe), "load balancer of service "+s.namespace+"/web is not ready: has no load balancer address")
	services := schema.GroupVersionResource{Version: "v1", Resource: "services"}
	s.patch(t, services, s.namespace, "web", `{"status":{"loadBalancer":{"ingress":[{"ip":"127.0.0.1"}]}}}`, "status")
	if err := s.wait(t, 10*time.Second, probe); err != nil {
		t.Error(err)
	}
	_ = listener.Close()
	says(t, s.wait(t, time.Second, probe), "this machine cannot open it: dial tcp 127.0.0.1:", "connection refused")
}

// While nothing happens, nothing is asked.
func TestBed_WatchesAndDoesNotPoll(t *testing.T) {
	s := open(t)
	for _, name := range []string{"a", "b", "c"} {
		s.apply(t, plainWorkload("Deployment", name, "", stuck))
	}
	s.asked.Store(0)
	_ = s.wait(t, 4*time.Second, object("Deployment", "a"), object("Deployment", "b"), object("Deployment", "c"))
	// A list and a watch of each Deployment, the pods, the ReplicaSets and the warnings.
	if n := s.asked.Load(); n > 12 {
		t.Errorf("%d requests in 4 s of waiting for 3 workloads, want 12", n)
	} else {
		t.Logf("%d requests in 4 s of waiting for 3 workloads", n)
	}
}

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
	says(t, wait(time.Second), "CA bundle of validatingwebhookconfiguration", "not there yet")
	s.apply(t, config(`""`))
	says(t, wait(time.Second), "pools.example.com has no CA bundle")

	s.apply(t, config(base64.StdEncoding.EncodeToString(otherCA(t))))
	done := make(chan error, 1)
	go func() { done <- wait(time.Minute) }()
	time.Sleep(time.Second) // nothing listens
	server.StartTLS()
	says(t, wait(3*time.Second), "webhook behind probe.yaml is not ready", "failed calling webhook", "x509: certificate signed by unknown authority")
	own := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	s.apply(t, config(base64.StdEncoding.EncodeToString(own)))
	if err := <-done; err != nil {
		t.Fatal(err)
	}

	// It answers, and says no.
	refuse.Store(true)
	plaintest.Until(t, 10*time.Second, func(context.Context) error {
		if err := wait(5 * time.Second); err == nil || !strings.Contains(err.Error(), "10.0.0.0 is not a CIDR") || strings.Contains(err.Error(), "deadline") {
			return fmt.Errorf("got %w", err)
		}
		return nil
	})
	c.Ready[1].Webhook.Refuses = "is not a CIDR"
	if err := wait(5 * time.Second); err != nil {
		t.Error(err)
	}
	refuse.Store(false)
	says(t, wait(time.Second), `accepts what it must refuse with "is not a CIDR"`)
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

// Without the right to look, waiting is no use.
func TestBed_ForbiddenFailsAtOnce(t *testing.T) {
	s := open(t)
	cfg := rest.CopyConfig(s.Bed.Config)
	cfg.Impersonate = rest.ImpersonationConfig{UserName: "nobody"}
	nobody, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	says(t, nobody.Wait(ctx, s.component(object("Deployment", "web")), quiet), `User "nobody" cannot list resource`)
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
}
