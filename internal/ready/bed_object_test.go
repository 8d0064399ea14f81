package ready

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/testbed/plain/plaintest"
)

// widgets are custom resources with a status that nobody writes but the test, and
// of a group that only it has.
const widgets = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.$NS.example.com}
spec:
  group: $NS.example.com
  scope: Namespaced
  names: {kind: Widget, plural: widgets, singular: widget}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`

// The wait begins before the kind exists, goes on while nobody has looked at the
// objects (kstatus calls them current), and ends with the last one of them.
func TestBed_CustomResources(t *testing.T) {
	s := open(t)
	group := s.namespace + ".example.com"
	resource := schema.GroupVersionResource{Group: group, Version: "v1", Resource: "widgets"}
	probe := catalog.Probe{Object: &catalog.ObjectProbe{
		Kind: "Widget", APIVersion: group + "/v1", Selector: "part=shop", Condition: "Ready",
		Fields: map[string]string{"{.status.health.status}": "Healthy", "{.status.address}": "*"},
	}}
	s.runsOut(t, probe, "kind Widget of "+group+"/v1 is not served yet")
	done := make(chan error, 1)
	go func() { done <- s.wait(t, plaintest.Patience, probe, catalog.Probe{CRD: "widgets." + group}) }()
	s.apply(t, widgets)
	s.apply(t, "apiVersion: $NS.example.com/v1\nkind: Widget\nmetadata: {name: parent, labels: {part: shop}}\n---\napiVersion: $NS.example.com/v1\nkind: Widget\nmetadata: {name: child, labels: {part: shop}}\n")
	status := func(name, ready, health string) {
		s.patch(t, resource, s.namespace, name, fmt.Sprintf(`{"status":{"address":"a","health":{"status":%q},"conditions":[{"type":"Ready","status":%q,"reason":"Syncing","message":"1 of 2"}]}}`, health, ready), "status")
	}
	s.runsOut(t, probe, "child: condition Ready is not there yet")
	status("parent", "True", "Healthy") // and its child is not: what an app of apps says
	status("child", "False", "Progressing")
	s.runsOut(t, probe, "child: condition Ready is False: Syncing: 1 of 2")
	status("child", "True", "Progressing")
	s.runsOut(t, probe, `child: {.status.health.status} is "Progressing", want "Healthy"`)
	select {
	case err := <-done:
		t.Fatalf("it ended before they were ready: %v", err)
	default:
	}
	before := s.asked.Load()
	moment := time.Now()
	status("child", "True", "Healthy")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if n := s.asked.Load() - before; n != 1 {
		t.Errorf("%d requests, want the one that changes the status: the watch tells of it", n)
	}
	t.Logf("heard of it after %s", time.Since(moment).Round(time.Millisecond))
}

// Helm's wait knows no APIServices.
func TestBed_APIServiceWithoutAServer(t *testing.T) {
	s := open(t)
	s.apply(t, "apiVersion: apiregistration.k8s.io/v1\nkind: APIService\nmetadata: {name: v1.absent.example.com}\nspec: {group: absent.example.com, version: v1, groupPriorityMinimum: 100, versionPriority: 100, insecureSkipTLSVerify: true, service: {name: absent, namespace: $NS}}\n")
	t.Cleanup(func() {
		gvr := schema.GroupVersionResource{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"}
		_ = s.Dynamic.Resource(gvr).Delete(context.Background(), "v1.absent.example.com", metav1.DeleteOptions{})
	})
	s.runsOut(t, catalog.Probe{APIService: "v1.absent.example.com"}, "apiservice v1.absent.example.com is not ready: condition Available is False: ServiceNotFound")
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
	s.runsOut(t, probe, "load balancer of service "+s.namespace+"/web is not ready: has no load balancer address")
	services := schema.GroupVersionResource{Version: "v1", Resource: "services"}
	s.patch(t, services, s.namespace, "web", `{"status":{"loadBalancer":{"ingress":[{"ip":"127.0.0.1"}]}}}`, "status")
	if err := s.wait(t, plaintest.Patience, probe); err != nil {
		t.Error(err)
	}
	_ = listener.Close()
	s.runsOut(t, probe, "this machine cannot open it: dial tcp 127.0.0.1:", "connection refused")
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

// Without the right to look, waiting is no use.
func TestBed_ForbiddenFailsAtOnce(t *testing.T) {
	s := open(t)
	cfg := rest.CopyConfig(s.Bed.Config)
	cfg.Impersonate = rest.ImpersonationConfig{UserName: "nobody"}
	nobody, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), plaintest.Patience)
	defer cancel()
	says(t, nobody.Wait(ctx, s.component(object("Deployment", "web")), quiet), `User "nobody" cannot list resource`)
}
