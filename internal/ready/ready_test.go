package ready

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/testbed/plain/plaintest"
)

func quiet(string) {}

// over is a Cluster of these objects.
func over(objs ...runtime.Object) *Cluster {
	return &Cluster{Client: fake.NewClientset(objs...), Dynamic: dynamicfake.NewSimpleDynamicClient(scheme.Scheme, objs...)}
}

func deployment(available int32) *appsv1.Deployment {
	one := int32(1)
	d := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "shop", UID: "d", Generation: 1, Annotations: map[string]string{"deployment.kubernetes.io/revision": "2"}},
		Spec:       appsv1.DeploymentSpec{Replicas: &one, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}},
		Status:     appsv1.DeploymentStatus{ObservedGeneration: 1, Replicas: 1, UpdatedReplicas: 1, ReadyReplicas: available, AvailableReplicas: available},
	}
	status := corev1.ConditionFalse
	if available > 0 {
		status = corev1.ConditionTrue
	}
	d.Status.Conditions = []appsv1.DeploymentCondition{
		{Type: appsv1.DeploymentAvailable, Status: status},
		{Type: appsv1.DeploymentProgressing, Status: corev1.ConditionTrue, Reason: "NewReplicaSetAvailable"},
	}
	return d
}

func replicaSet(name, revision string) *appsv1.ReplicaSet {
	yes := true
	return &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{
		Name: name, Namespace: "shop", Annotations: map[string]string{"deployment.kubernetes.io/revision": revision},
		OwnerReferences: []metav1.OwnerReference{{Kind: "Deployment", Name: "web", UID: "d", Controller: &yes}},
	}}
}

func ownedPod(name string, rs *appsv1.ReplicaSet, s corev1.ContainerStatus) *corev1.Pod {
	yes := true
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "shop", Labels: map[string]string{"app": "web"},
			OwnerReferences: []metav1.OwnerReference{{Kind: "ReplicaSet", Name: rs.Name, UID: rs.UID, Controller: &yes}}},
		Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{s}},
	}
}

var webRollout = catalog.Component{Name: "web", Namespace: "shop", Ready: []catalog.Probe{{Object: &catalog.ObjectProbe{Kind: "Deployment", Name: "web"}}}}

func TestObject_ReadyTheMomentItIs(t *testing.T) {
	cluster := over(deployment(0))
	ctx, cancel := context.WithTimeout(t.Context(), plaintest.Patience)
	defer cancel()
	seen := make(chan struct{}, 1)
	done := make(chan error, 1)
	go func() {
		done <- cluster.Wait(ctx, webRollout, func(string) {
			select {
			case seen <- struct{}{}:
			default:
			}
		})
	}()
	<-seen
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(deployment(1))
	if err != nil {
		t.Fatal(err)
	}
	u := &unstructured.Unstructured{Object: content}
	u.SetGroupVersionKind(appsv1.SchemeGroupVersion.WithKind("Deployment"))
	if _, err := cluster.Dynamic.Resource(appsv1.SchemeGroupVersion.WithResource("deployments")).Namespace("shop").Update(ctx, u, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestObject_NamesTheCauseAtOnce(t *testing.T) {
	old, now := replicaSet("web-old", "1"), replicaSet("web-new", "2")
	old.UID, now.UID = "old", "new"
	cluster := over(deployment(0), old, now,
		ownedPod("web-old-1", old, waiting("InvalidImageName", "an old pod may be as broken as it likes")),
		ownedPod("web-new-1", now, waiting("InvalidImageName", `couldn't parse image name "X"`)))
	ctx, cancel := context.WithTimeout(t.Context(), plaintest.Patience)
	defer cancel()
	err := cluster.Wait(ctx, webRollout, quiet)
	want := `deployment shop/web is not ready: web-new-1: InvalidImageName: couldn't parse image name "X"`
	if err == nil || !strings.HasPrefix(err.Error(), want) || ctx.Err() != nil {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestObject_TimeOutTellsWhatWasSeen(t *testing.T) {
	rs := replicaSet("web-new", "2")
	cluster := over(deployment(0), rs, ownedPod("web-1", rs, waiting("ErrImagePull", "dial tcp: i/o timeout")))
	runsOut(t, func(d time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), d)
		defer cancel()
		return cluster.Wait(ctx, webRollout, quiet)
	}, "web-1: ErrImagePull: quay.io/x/y:v1: dial tcp: i/o timeout (context deadline exceeded)")
}

func TestObject_QuotaIsNamed(t *testing.T) {
	d := deployment(0)
	d.Status.Conditions = append(d.Status.Conditions, appsv1.DeploymentCondition{Type: appsv1.DeploymentReplicaFailure, Status: corev1.ConditionTrue, Reason: "FailedCreate", Message: `pods "web-1" is forbidden: exceeded quota`})
	ctx, cancel := context.WithTimeout(t.Context(), plaintest.Patience)
	defer cancel()
	says(t, over(d).Wait(ctx, webRollout, quiet), `FailedCreate: pods "web-1" is forbidden: exceeded quota`)
}

func TestHTTP_ThroughTheServiceProxy(t *testing.T) {
	var asked atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v1/namespaces/monitoring/services/http:prometheus:9090/proxy/-/ready" {
			t.Errorf("asked for %s", r.URL.Path)
		}
		if asked.Add(1) < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte(`{"kind":"Status","message":"no endpoints available for service"}`))
		}
	}))
	defer s.Close()
	client := kubernetes.NewForConfigOrDie(&rest.Config{Host: s.URL})
	c := catalog.Component{Namespace: "monitoring", Ready: []catalog.Probe{{HTTP: &catalog.HTTPProbe{Service: "prometheus:9090", Path: "/-/ready"}}}}
	ctx, cancel := context.WithTimeout(t.Context(), plaintest.Patience)
	defer cancel()
	if err := (&Cluster{Client: client}).Wait(ctx, c, quiet); err != nil {
		t.Error(err)
	}

	// The wait that runs out says what was answered last, once there was time for an answer.
	runsOut := func(want string) {
		t.Helper()
		for d := 300 * time.Millisecond; ; d *= 2 {
			ctx, cancel := context.WithTimeout(t.Context(), d)
			err := (&Cluster{Client: client}).Wait(ctx, c, quiet)
			cancel()
			if err != nil && strings.Contains(err.Error(), want) {
				return
			}
			if err == nil || d > time.Minute {
				t.Errorf("after %s: %v, want %q", d, err, want)
				return
			}
		}
	}
	asked.Store(-1000)
	runsOut("is not ready: no endpoints available for service (")
	asked.Store(1000)
	c.Ready[0].HTTP.Status = http.StatusTeapot
	runsOut("http monitoring/prometheus:9090/-/ready is not ready: answers 200, want 418")
}

func TestEnded_SucceededOrNamed(t *testing.T) {
	ended := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "a", Namespace: "shop"}, Status: corev1.PodStatus{Phase: corev1.PodSucceeded}}
	broken := pod(waiting("InvalidImageName", "no"))
	broken.Namespace, broken.Status.Phase = "shop", corev1.PodPending
	c := &Cluster{Client: fake.NewClientset(ended, broken)}
	if p, err := c.Ended(context.Background(), "shop", "a", quiet); err != nil || p.Name != "a" {
		t.Errorf("got %v", err)
	}
	if _, err := c.Ended(context.Background(), "shop", "loki-0", quiet); err == nil || !strings.Contains(err.Error(), "pod shop/loki-0 does not start: loki-0: InvalidImageName: no") {
		t.Errorf("got %v", err)
	}
}

// The end of the wait cuts the second question short: what the first one heard stays.
func TestPoll_AnswerOutlivesTheQuestionCutShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		asked := 0
		err := poll(ctx, "webhook", func(ctx context.Context) error {
			if asked++; asked == 1 {
				return errors.New("accepts what it must refuse")
			}
			<-ctx.Done()
			return finalError{ctx.Err()}
		})
		var late *lateError
		if !errors.As(err, &late) || late.text != "webhook is not ready: accepts what it must refuse" || asked != 2 {
			t.Errorf("got %v after %d questions", err, asked)
		}
	})
}
