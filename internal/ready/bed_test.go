package ready

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
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
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.Context().Err() == nil { // else a wait that has ended, of which nothing is sent
				asked.Add(1)
			}
			return next.RoundTrip(r)
		})
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

// lacks is the first text that err does not hold.
func lacks(err error, texts []string) string {
	for _, text := range texts {
		if err == nil || !strings.Contains(err.Error(), text) {
			return text
		}
	}
	return ""
}

// says fails the test unless the wait ended for a reason that holds all texts,
// and not because its time was up.
func says(t *testing.T, err error, texts ...string) {
	t.Helper()
	if text := lacks(err, texts); text != "" || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want it to say %q before its time is up", err, text)
	}
}

// runsOut fails the test unless the time of a wait is up and its error holds all
// texts. A busy API server may not have told them within a second: each wait is
// twice as long as the one before.
func runsOut(t *testing.T, wait func(time.Duration) error, texts ...string) {
	t.Helper()
	for d := time.Second; ; d *= 2 {
		err := wait(d)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v before the time was up, want %q when it is", err, texts)
			return
		}
		text := lacks(err, texts)
		if text == "" {
			return
		}
		if d > time.Minute {
			t.Errorf("got %v, want it to say %q", err, text)
			return
		}
	}
}

// runsOut waits for a probe that does not come to hold.
func (s *scene) runsOut(t *testing.T, probe catalog.Probe, texts ...string) {
	t.Helper()
	runsOut(t, func(d time.Duration) error { return s.wait(t, d, probe) }, texts...)
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
	err := s.wait(t, plaintest.Patience, object("Deployment", "deployment"), object("StatefulSet", "statefulset"), object("DaemonSet", "daemonset"), object("Job", "job"),
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
		wait.Go(func() { s.runsOut(t, c.probe, c.want) })
	}
	wait.Wait()
	// All of a component's probes that do not hold are listed, not the first alone.
	both := func(d time.Duration) error {
		return s.wait(t, d, object("Deployment", "none"), object("Deployment", "lost"))
	}
	runsOut(t, both, "/none is not ready", "/lost is not ready")
}

// A pod that runs and is not ready passes where a tool looks at its phase.
func TestBed_RunningIsNotReady(t *testing.T) {
	s := open(t)
	s.apply(t, plainWorkload("StatefulSet", "db", "", stuck))
	pods := schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	plaintest.Until(t, func(ctx context.Context) error {
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
	s.runsOut(t, object("StatefulSet", "db"), "pod db-0 is Running 0/1: Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 503")
	s.runsOut(t, catalog.Probe{Object: &catalog.ObjectProbe{Kind: "Pod", Selector: "app=db"}}, "db-0: ")
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
			plaintest.Until(t, func(ctx context.Context) error {
				q, err := s.Client.CoreV1().ResourceQuotas(s.namespace).Get(ctx, "one", metav1.GetOptions{})
				if err == nil && len(q.Status.Hard) == 0 {
					err = fmt.Errorf("the quota is not counted yet")
				}
				return err
			})
			s.apply(t, plainWorkload(kind, "web", "replicas: 2", ""))
			says(t, s.wait(t, plaintest.Patience, object(kind, "web")), "FailedCreate", "exceeded quota: one")
		})
	}
}
