package apply_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"

	"github.com/buenhyden/hy-home/internal/apply"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/testbed/plain/plaintest"
)

func TestMain(m *testing.M) { plaintest.Main(m) }

// holder is one platform at work on the test bed's API server.
type holder struct {
	*apply.Client
	inventory apply.Inventory
	namespace string
}

func newHolder(t *testing.T, bed *plaintest.Bed, owner, namespace string) holder {
	t.Helper()
	c, err := apply.New(bed.Config, apply.Options{FieldManager: "hyaction-" + owner, Force: true, Shared: true, Namespace: namespace})
	if err != nil {
		t.Fatal(err)
	}
	return holder{c, apply.Inventory{Owner: owner, Part: "web"}, namespace}
}

func objects(t *testing.T, text string) []*unstructured.Unstructured {
	t.Helper()
	objs, err := apply.Decode(strings.NewReader(text), t.Name())
	if err != nil {
		t.Fatal(err)
	}
	return objs
}

func (h holder) converge(t *testing.T, text string) string {
	t.Helper()
	changes, err := h.Converge(t.Context(), h.inventory, objects(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return tell(changes)
}

func (h holder) clear(t *testing.T) string {
	t.Helper()
	changes, err := h.Clear(context.WithoutCancel(t.Context()), h.inventory)
	if err != nil {
		t.Fatal(err)
	}
	return tell(changes)
}

// tell is short: "created a, removed b".
func tell(changes []apply.Change) string {
	var out []string
	for _, c := range changes {
		out = append(out, string(c.Action)+" "+c.Object[strings.LastIndex(c.Object, "/")+1:])
	}
	return strings.Join(out, ", ")
}

func maps(names ...string) string {
	var b strings.Builder
	for _, n := range names {
		b.WriteString("{apiVersion: v1, kind: ConfigMap, metadata: {name: " + n + "}, data: {k: v}}\n---\n")
	}
	return b.String()
}

func TestConverge_RemovesWhatLeftTheManifests(t *testing.T) {
	bed := plaintest.Start(t)
	h := newHolder(t, bed, "prune", bed.Namespace(t))
	defer h.clear(t)
	for _, step := range []struct{ apply, want string }{
		{maps("a", "b"), "created a, created b"},
		{maps("a", "b"), "unchanged a, unchanged b"},
		{maps("a", "c"), "unchanged a, created c, removed b"},
		{maps("a", "c"), "unchanged a, unchanged c"},
	} {
		if got := h.converge(t, step.apply); got != step.want {
			t.Errorf("got %q, want %q", got, step.want)
		}
	}
	// By hand: neither a changed nor a deleted object is taken for unchanged.
	bed.Apply(t, h.namespace, "{apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {by: hand}}")
	if got := h.converge(t, maps("a", "c")); got != "unchanged a, unchanged c" {
		t.Errorf("a field that is somebody else's: %q", got)
	}
	if err := kubernetes.NewForConfigOrDie(bed.Config).CoreV1().ConfigMaps(h.namespace).Delete(t.Context(), "a", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := h.converge(t, maps("a", "c")); got != "created a, unchanged c" {
		t.Errorf("a deleted object: %q", got)
	}
	if got := h.clear(t); got != "removed c, removed a" {
		t.Errorf("clear: %q", got)
	}
	if got := h.clear(t); got != "" {
		t.Errorf("clear again: %q", got)
	}
}

// Two platforms on one cluster want the same object: it goes with the second.
func TestConverge_AnObjectGoesWithItsLastHolder(t *testing.T) {
	bed := plaintest.Start(t)
	namespace := bed.Namespace(t)
	one, two := newHolder(t, bed, "one", namespace), newHolder(t, bed, "two", namespace)
	defer func() { one.clear(t); two.clear(t) }()

	one.converge(t, maps("shared"))
	two.converge(t, maps("shared"))
	if got := one.converge(t, maps("shared")); got != "unchanged shared" {
		t.Errorf("the first again: %q", got)
	}
	if got := one.clear(t); got != "configured shared" {
		t.Errorf("the first goes: %q", got)
	}
	if got := two.converge(t, maps("shared")); got != "unchanged shared" {
		t.Errorf("the second still has it: %q", got)
	}
	if got := two.clear(t); got != "removed shared" {
		t.Errorf("the second goes: %q", got)
	}
}

func TestConverge_OnASharedClusterTakesNothingOver(t *testing.T) {
	bed := plaintest.Start(t)
	h := newHolder(t, bed, "guest", bed.Namespace(t))
	defer h.clear(t)
	theirs := objects(t, maps("theirs"))
	if _, err := h.Apply(t.Context(), theirs); err != nil {
		t.Fatal(err)
	}
	_, err := h.Converge(t.Context(), h.inventory, objects(t, maps("mine", "theirs")))
	if exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), "theirs is in the cluster already and no platform has made it") {
		t.Errorf("got %v", err)
	}
	namespace := "{apiVersion: v1, kind: Namespace, metadata: {name: " + h.namespace + ", labels: {a: b}}}"
	if got := h.converge(t, namespace+"\n---\n"+maps("mine")); got != "created mine" {
		t.Errorf("a namespace that was there before is used as it is: %q", got)
	}
}

// A namespace takes a while to go: neither its end nor its return may overtake that.
func TestConverge_WaitsForANamespaceToGo(t *testing.T) {
	bed := plaintest.Start(t)
	h := newHolder(t, bed, "leaving", "default")
	name := fmt.Sprintf("leaving-%x", time.Now().UnixNano())
	text := "{apiVersion: v1, kind: Namespace, metadata: {name: " + name + "}}\n---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: " + name + "}}"
	for range 2 {
		if got := h.converge(t, text); got != "created namespace "+name+", created a" {
			t.Errorf("got %q", got)
		}
		if got := h.clear(t); got != "removed a, removed namespace "+name {
			t.Errorf("got %q", got)
		}
	}
}

// What a run made before it broke is found and removed.
func TestConverge_LosesNothingWhenItBreaks(t *testing.T) {
	bed := plaintest.Start(t)
	h := newHolder(t, bed, "broken", bed.Namespace(t))
	h.converge(t, maps("old"))
	_, err := h.Converge(t.Context(), h.inventory, objects(t, maps("made")+"{apiVersion: v1, kind: Service, metadata: {name: bad}, spec: {ports: []}}"))
	if err == nil {
		t.Fatal("a Service without ports was taken")
	}
	if held, missing, err := h.Missing(t.Context(), h.inventory); held != 3 || len(missing) != 1 || missing[0].Name != "bad" || err != nil {
		t.Errorf("holds %d, missing %v, %v", held, missing, err)
	}
	if got := h.clear(t); got != "unchanged bad, removed made, removed old" {
		t.Errorf("clear: %q", got)
	}
}
