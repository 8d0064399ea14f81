package apply

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/buenhyden/hy-home/internal/exit"
)

// mapper knows a few kinds, as discovery would.
type mapper struct{ *meta.DefaultRESTMapper }

func (mapper) Reset() {}

func newMapper() mapper {
	m := meta.NewDefaultRESTMapper([]schema.GroupVersion{{Version: "v1"}, {Group: "apps", Version: "v1"}, {Group: "apiextensions.k8s.io", Version: "v1"}})
	m.Add(schema.GroupVersionKind{Version: "v1", Kind: "Namespace"}, meta.RESTScopeRoot)
	m.Add(schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}, meta.RESTScopeNamespace)
	m.Add(schema.GroupVersionKind{Version: "v1", Kind: "Secret"}, meta.RESTScopeNamespace)
	m.Add(schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}, meta.RESTScopeNamespace)
	m.Add(schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"}, meta.RESTScopeRoot)
	return mapper{m}
}

// cluster is an API server in memory: applying the same text again leaves the
// resource version alone, as the real one does.
type cluster struct {
	client *Client
	dyn    *fake.FakeDynamicClient
	order  []string // what was applied, in order
	fail   error    // answer of the next apply
}

func newCluster(o Options) *cluster {
	c := &cluster{}
	dyn := fake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), map[schema.GroupVersionResource]string{
		{Version: "v1", Resource: "namespaces"}:                 "NamespaceList",
		{Version: "v1", Resource: "configmaps"}:                 "ConfigMapList",
		{Version: "v1", Resource: "secrets"}:                    "SecretList",
		crdResource:                                             "CustomResourceDefinitionList",
		{Group: "apps", Version: "v1", Resource: "deployments"}: "DeploymentList",
	})
	applied := map[string]string{}
	versions := map[string]int{}
	dyn.PrependReactor("patch", "*", func(action clienttesting.Action) (bool, runtime.Object, error) {
		if c.fail != nil {
			return true, nil, c.fail
		}
		patch := action.(clienttesting.PatchAction)
		obj := &unstructured.Unstructured{}
		if err := json.Unmarshal(patch.GetPatch(), &obj.Object); err != nil {
			return true, nil, err
		}
		c.order = append(c.order, Describe(obj))
		key := Describe(obj)
		if applied[key] != string(patch.GetPatch()) {
			versions[key]++
		}
		known := applied[key] != ""
		applied[key] = string(patch.GetPatch())
		obj.SetResourceVersion(strings.Repeat("i", versions[key]))
		if isCRD(obj) {
			_ = unstructured.SetNestedSlice(obj.Object, []any{map[string]any{"type": "Established", "status": "True"}}, "status", "conditions")
		}
		tracker := dyn.Tracker()
		if known {
			return true, obj, tracker.Update(patch.GetResource(), obj, obj.GetNamespace())
		}
		return true, obj, tracker.Create(patch.GetResource(), obj, obj.GetNamespace())
	})
	c.client, c.dyn = newClient(dyn, newMapper(), o), dyn
	return c
}

const example = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
---
# nothing here
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.example.org}
---
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: ConfigMap, metadata: {name: web}, data: {a: "1"}}
- {apiVersion: v1, kind: Namespace, metadata: {name: shop}}
`

func objects(t *testing.T, text string) []*unstructured.Unstructured {
	t.Helper()
	objs, err := Decode(strings.NewReader(text), "example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return objs
}

func actions(changes []Change) []Action {
	var out []Action
	for _, c := range changes {
		out = append(out, c.Action)
	}
	return out
}

func TestApply_OrdersAndSaysWhatChanged(t *testing.T) {
	c := newCluster(Options{Namespace: "shop"})
	ctx := context.Background()
	changes, err := c.client.Apply(ctx, objects(t, example))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"namespace shop", "customresourcedefinition things.example.org", "configmap shop/web", "deployment shop/web"}
	if !slices.Equal(c.order, want) {
		t.Errorf("applied %q, want %q", c.order, want)
	}
	for _, a := range actions(changes) {
		if a != Created {
			t.Errorf("first apply: %v, want all created", changes)
		}
	}
	changes, err = c.client.Apply(ctx, objects(t, strings.Replace(example, `a: "1"`, `a: "2"`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := actions(changes), []Action{Unchanged, Unchanged, Configured, Unchanged}; !slices.Equal(got, want) {
		t.Errorf("second apply: %v, want %v", got, want)
	}
}

func TestSame_LooksPastWhatOthersWrite(t *testing.T) {
	object := func(version string, status any, data string) *unstructured.Unstructured {
		u := &unstructured.Unstructured{Object: map[string]any{"kind": "Thing", "metadata": map[string]any{"name": "a"}, "status": status, "data": data}}
		u.SetResourceVersion(version)
		u.SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: "m" + version}})
		return u
	}
	before := object("1", "old", "a")
	if !same(before, object("2", "new", "a")) {
		t.Error("a status that a controller wrote counts as a change")
	}
	if same(before, object("2", "old", "b")) {
		t.Error("changed data counts as unchanged")
	}
}

func TestApply_ConflictNamesTheField(t *testing.T) {
	c := newCluster(Options{})
	c.fail = apierrors.NewApplyConflict([]metav1.StatusCause{{Type: metav1.CauseTypeFieldManagerConflict, Field: ".spec.replicas", Message: `conflict with "argocd"`}}, `conflict with "argocd"`)
	_, err := c.client.Apply(context.Background(), objects(t, "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}}"))
	if err == nil || !strings.Contains(err.Error(), "apply deployment default/web: field .spec.replicas is owned by another manager") {
		t.Errorf("got %v", err)
	}
}

func TestApply_UnknownKindIsNamed(t *testing.T) {
	_, err := newCluster(Options{}).client.Apply(context.Background(), objects(t, "{apiVersion: example.org/v1, kind: Thing, metadata: {name: x}}"))
	if err == nil || !strings.Contains(err.Error(), `apply thing x: no matches for kind "Thing"`) {
		t.Errorf("got %v", err)
	}
}

func TestDecode_FaultsNameSourceAndDocument(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"a: [", "example.yaml: document 1:"},
		{"{apiVersion: v1, kind: Pod, metadata: {name: a}}\n---\n{apiVersion: v1, kind: Pod}", "document 2: kind \"Pod\" wants"},
		{"{apiVersion: v1, kind: Pod, metadata: {name: a}, metadata: {name: b}}", "already set in map"},
		{"- 1", "document 1:"},
	} {
		_, err := Decode(strings.NewReader(tt.text), "example.yaml")
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: got %v, want %q", tt.text, err, tt.want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(example)
	f.Add("---\n---\n")
	f.Add(`{"kind":"List","apiVersion":"v1","items":[null]}`)
	f.Fuzz(func(t *testing.T, text string) {
		objs, err := Decode(strings.NewReader(text), "fuzz")
		if err != nil {
			return
		}
		for _, obj := range Sort(objs) {
			if obj == nil {
				t.Fatal("a nil object without an error")
			}
			Describe(obj)
		}
	})
}

func TestLoad_MissingFileIsBadInput(t *testing.T) {
	_, err := Load(t.TempDir() + "/none")
	if exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), "does not exist: bring the platform up first") {
		t.Errorf("got %v", err)
	}
}

func TestOutcome_SumsUp(t *testing.T) {
	c, u, n := Change{Action: Created}, Change{Action: Unchanged}, Change{Action: Configured}
	for _, tt := range []struct {
		changes []Change
		want    Action
	}{
		{[]Change{c, c}, Created},
		{[]Change{u, u}, Unchanged},
		{[]Change{c, u}, Configured},
		{[]Change{u, n}, Configured},
	} {
		if got := Outcome(tt.changes); got != tt.want {
			t.Errorf("%v: got %s, want %s", tt.changes, got, tt.want)
		}
	}
}
