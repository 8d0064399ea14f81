package apply

import (
	"context"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
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
