package apply

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
)

// HolderDomain is the prefix of the labels that say who holds an object: with
// "<domain>/<owner>: <part>" on it, owner's part wants it to be there. An object
// may have several holders; it goes with the last one.
const HolderDomain = "hyaction.buenhyden.github.io"

// inventoryNamespace holds the inventories: it is there in every cluster.
const inventoryNamespace = "kube-system"

// Inventory is the note, kept in the cluster as a ConfigMap, of what one part of
// an owner has applied: a component of a platform. It is written before an object
// is made and after one is gone, so that a killed process leaves nothing that
// nobody knows of, and what left the manifests is found and removed.
type Inventory struct {
	Owner string // the platform
	Part  string // the component
}

// Ref names one object in an inventory.
type Ref struct {
	Kind      schema.GroupKind
	Namespace string
	Name      string
}

// String is the form in the ConfigMap: "apps/Deployment monitoring/prometheus".
func (r Ref) String() string {
	kind, name := r.Kind.Kind, r.Name
	if r.Kind.Group != "" {
		kind = r.Kind.Group + "/" + kind
	}
	if r.Namespace != "" {
		name = r.Namespace + "/" + name
	}
	return kind + " " + name
}

func parseRef(line string) (Ref, bool) {
	kind, name, ok := strings.Cut(line, " ")
	var r Ref
	if r.Kind.Kind = kind; strings.Contains(kind, "/") {
		r.Kind.Group, r.Kind.Kind, _ = strings.Cut(kind, "/")
	}
	if r.Name = name; strings.Contains(name, "/") {
		r.Namespace, r.Name, _ = strings.Cut(name, "/")
	}
	return r, ok && r.Kind.Kind != "" && r.Name != ""
}

func refOf(obj *unstructured.Unstructured) Ref {
	return Ref{Kind: obj.GroupVersionKind().GroupKind(), Namespace: obj.GetNamespace(), Name: obj.GetName()}
}

var namespaceKind = schema.GroupKind{Kind: "Namespace"}

var configMaps = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}

func (c *Client) inventories() dynamic.ResourceInterface {
	return c.dyn.Resource(configMaps).Namespace(inventoryNamespace)
}

func (i Inventory) label() string { return HolderDomain + "/" + i.Owner }

func (i Inventory) name() string { return "hyaction." + i.Owner + "." + i.Part }

// Clear removes all that i holds, and the inventory itself.
func (c *Client) Clear(ctx context.Context, i Inventory) ([]Change, error) {
	held, err := c.Held(ctx, i)
	if err != nil {
		return nil, err
	}
	changes, err := c.release(ctx, i, held)
	if err != nil {
		return changes, err
	}
	err = c.inventories().Delete(ctx, i.name(), metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return changes, fmt.Errorf("remove the inventory of %s: %w", i.Part, err)
	}
	return changes, nil
}

// Held is what the inventory lists, in the order in which it was applied.
func (c *Client) Held(ctx context.Context, i Inventory) ([]Ref, error) {
	refs, _, err := c.read(ctx, i)
	return refs, err
}

func (c *Client) read(ctx context.Context, i Inventory) ([]Ref, memory, error) {
	cm, err := c.inventories().Get(ctx, i.name(), metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, memory{}, nil
	}
	if err != nil {
		return nil, memory{}, fmt.Errorf("read the inventory of %s: %w", i.Part, err)
	}
	data, _, _ := unstructured.NestedStringMap(cm.Object, "data")
	var refs []Ref
	for line := range strings.Lines(data["objects"]) {
		r, ok := parseRef(strings.TrimSpace(line))
		if !ok {
			return nil, memory{}, fmt.Errorf("the inventory of %s (configmap %s/%s) is damaged: %q names no object", i.Part, inventoryNamespace, i.name(), strings.TrimSpace(line))
		}
		refs = append(refs, r)
	}
	return refs, memory{digest: data["digest"], versions: parseVersions(data["versions"])}, nil
}

// Missing is what the inventory lists and the cluster does not have.
func (c *Client) Missing(ctx context.Context, i Inventory) (held int, missing []Ref, err error) {
	refs, err := c.Held(ctx, i)
	if err != nil {
		return 0, nil, err
	}
	missing, err = c.absent(ctx, refs)
	return len(refs), missing, err
}

// Absent is which of the objects the cluster does not have.
func (c *Client) Absent(ctx context.Context, objs []*unstructured.Unstructured) ([]Ref, error) {
	refs := make([]Ref, len(objs))
	for n, obj := range objs {
		if obj.GetNamespace() == "" {
			_, placed, err := c.resource(obj)
			if err != nil && !meta.IsNoMatchError(err) {
				return nil, fmt.Errorf("look at %s: %w", Describe(obj), err)
			}
			obj = placed
		}
		refs[n] = refOf(obj)
	}
	return c.absent(ctx, refs)
}

func (c *Client) absent(ctx context.Context, refs []Ref) ([]Ref, error) {
	versions := make([]string, len(refs))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(looksAtOnce)
	for n, r := range refs {
		group.Go(func() (err error) {
			if versions[n], err = c.versionOf(ctx, r); err != nil && !meta.IsNoMatchError(err) {
				return fmt.Errorf("look at %s: %w", r, err)
			}
			return nil
		})
	}
	err := group.Wait()
	var absent []Ref
	for n, r := range refs {
		if versions[n] == "" {
			absent = append(absent, r)
		}
	}
	return absent, err
}

// note writes the inventory.
func (c *Client) note(ctx context.Context, i Inventory, refs []Ref, m memory) error {
	var b strings.Builder
	for _, r := range refs {
		b.WriteString(r.String() + "\n")
	}
	cm := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap",
		"metadata": map[string]any{
			"name": i.name(), "namespace": inventoryNamespace,
			"labels": map[string]any{i.label(): i.Part, "app.kubernetes.io/managed-by": FieldManager},
		},
		"data": map[string]any{"objects": b.String(), "digest": m.digest, "versions": m.lines()},
	}}
	_, err := c.inventories().Apply(ctx, i.name(), cm, metav1.ApplyOptions{FieldManager: c.o.FieldManager, Force: true})
	if err != nil {
		return fmt.Errorf("write the inventory of %s: %w", i.Part, err)
	}
	return nil
}

// release takes i's label off the objects, the last applied first, and deletes
// those that nobody else holds. What no longer bears the label was taken away
// and made anew by somebody else: it is theirs.
func (c *Client) release(ctx context.Context, i Inventory, refs []Ref) ([]Change, error) {
	var changes []Change
	for _, r := range slices.Backward(refs) {
		change, err := c.releaseOne(ctx, i, r)
		if err != nil {
			return changes, fmt.Errorf("remove %s: %w", r, err)
		}
		changes = append(changes, change)
	}
	for n, r := range slices.Backward(refs) {
		if r.Kind == namespaceKind && changes[len(refs)-1-n].Action == Removed {
			if err := c.vanished(ctx, r); err != nil {
				return changes, err
			}
		}
	}
	return changes, nil
}

// vanished waits until a namespace that is being removed is gone: what is
// applied into it before that is refused or removed with it. It polls: the end
// of one namespace is one small answer.
func (c *Client) vanished(ctx context.Context, r Ref) error {
	for {
		live, err := c.live(ctx, r)
		if err != nil || live == nil {
			return err
		}
		c.o.Progress("waiting until " + Describe(live) + " is gone")
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s is still being removed: %s: %w", Describe(live), remaining(live), ctx.Err())
		case <-time.After(300 * time.Millisecond):
		}
	}
}

// remaining is what a namespace says of what holds it up.
func remaining(namespace *unstructured.Unstructured) string {
	conditions, _, _ := unstructured.NestedSlice(namespace.Object, "status", "conditions")
	for _, c := range conditions {
		condition, _ := c.(map[string]any)
		if message, _ := condition["message"].(string); condition["status"] == "True" && message != "" {
			return message
		}
	}
	return "it does not say why"
}

func (c *Client) releaseOne(ctx context.Context, i Inventory, r Ref) (Change, error) {
	change := Change{Object: r.String(), Action: Unchanged}
	live, err := c.live(ctx, r)
	if err != nil || live == nil {
		return change, err
	}
	change.Object = Describe(live)
	labels := live.GetLabels()
	if labels[i.label()] != i.Part {
		return change, nil
	}
	res, _, err := c.resource(live)
	if err != nil {
		return change, err
	}
	c.o.Progress("removing " + change.Object)
	for key := range labels {
		if strings.HasPrefix(key, HolderDomain+"/") && key != i.label() {
			patch := fmt.Sprintf(`{"metadata":{"labels":{%q:null}}}`, i.label())
			_, err := res.Patch(ctx, r.Name, types.MergePatchType, []byte(patch), metav1.PatchOptions{FieldManager: c.o.FieldManager})
			change.Action = Configured
			return change, err
		}
	}
	uid := live.GetUID()
	background := metav1.DeletePropagationBackground
	err = res.Delete(ctx, r.Name, metav1.DeleteOptions{PropagationPolicy: &background, Preconditions: &metav1.Preconditions{UID: &uid}})
	if apierrors.IsNotFound(err) {
		return change, nil
	}
	change.Action = Removed
	return change, err
}

// live reads an object; nil means that it, or its kind, is not there.
func (c *Client) live(ctx context.Context, r Ref) (*unstructured.Unstructured, error) {
	mapping, err := c.mapper.RESTMapping(r.Kind)
	if meta.IsNoMatchError(err) {
		c.mapper.Reset()
		mapping, err = c.mapper.RESTMapping(r.Kind)
	}
	if meta.IsNoMatchError(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	res := c.dyn.Resource(mapping.Resource)
	var obj *unstructured.Unstructured
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		obj, err = res.Namespace(r.Namespace).Get(ctx, r.Name, metav1.GetOptions{})
	} else {
		obj, err = res.Get(ctx, r.Name, metav1.GetOptions{})
	}
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return obj, err
}
