package canarygate

import (
	"context"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/buenhyden/hy-home/internal/rollout"
	"github.com/buenhyden/hy-home/testbed/plain/plaintest"
)

// applications is as much of Argo CD as the gate sees.
const applications = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: applications.argoproj.io}
spec:
  group: argoproj.io
  names: {kind: Application, plural: applications, singular: application, listKind: ApplicationList}
  scope: Namespaced
  versions: [{name: v1alpha1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]
`

// TestBed_ExpectRevision releases the very same image again: only the commit that
// Argo CD says it has applied tells the two apart.
func TestBed_ExpectRevision(t *testing.T) {
	const before, after = "1111111aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "2222222bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	s := openShop(t)
	s.errors(t, 0)
	s.Apply(t, "", applications)
	of := s.client.Resource(schema.GroupVersionResource{Group: "argoproj.io", Version: "v1alpha1", Resource: "applications"}).Namespace(s.namespace)
	plaintest.Until(t, func(ctx context.Context) error { // a new kind takes a moment
		_, err := of.List(ctx, metav1.ListOptions{})
		return err
	})
	s.Apply(t, s.namespace, "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: shop}\nstatus: {sync: {status: Synced, revision: "+before+"}}\n")
	s.release(t, plainRollout, withoutSteps, "v1", "")
	s.settle(t, rollout.Healthy)
	old, err := s.state(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.shipped(t, "infra/apps/canary-gate.yaml")
	o := s.gate("v1")
	o.ExpectRevision, o.Application, o.Kubeconfig = after[:10], s.namespace+"/shop", s.as(t, s.serviceAccount())

	if r := <-start(t, o); r.Verdict != Inconclusive || r.Reason != "forbidden" || !strings.Contains(r.Message, "grant list and watch on applications.argoproj.io") {
		t.Errorf("without its Role: %s %s: %s", r.Verdict, r.Reason, r.Message)
	}
	s.shipped(t, "infra/argocd/canary-gate.yaml", "namespace: apps", "namespace: "+s.namespace)
	verdict := start(t, o)
	select {
	case r := <-verdict:
		t.Fatalf("before the commit was applied: %s %s: %s", r.Verdict, r.Reason, r.Message)
	case <-time.After(nextAsk): // it has asked once, and would have passed by the image alone
	}
	s.release(t, strings.Replace(plainRollout, "labels: {app: shop}, annotations", `labels: {app: shop, again: "true"}, annotations`, 1), withoutSteps, "v1", "")
	if _, err := of.Patch(t.Context(), "shop", types.MergePatchType, []byte(`{"status": {"sync": {"revision": "`+after+`"}}}`), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	if r := <-verdict; r.Verdict != Passed || r.PodHash == "" || r.PodHash == old.Status.PodHash {
		t.Errorf("%s %s: %s (%+v)", r.Verdict, r.Reason, r.Message, r.Changes)
	} else if r.APICalls > 10 {
		t.Errorf("%d requests", r.APICalls)
	} else {
		t.Logf("%d requests", r.APICalls)
	}
}
