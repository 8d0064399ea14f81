// Package apply brings Kubernetes objects to a cluster by server-side apply and
// says of each one what it came to: created, configured or unchanged.
//
// Server-side because ten of the CRDs in use are larger than the 256 KiB that
// the client-side last-applied annotation can hold, and because a conflict with
// another field manager is then an answer of the API server, not a guess.
package apply

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/discovery"
	cached "k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
)

// FieldManager is the name under which hyaction owns fields, unless [Options] says otherwise.
const FieldManager = "hyaction"

// Action says what became of one object.
type Action string

// The actions.
const (
	Created    Action = "created"
	Configured Action = "configured"
	Unchanged  Action = "unchanged"
	Removed    Action = "removed"
)

// Change is what became of one object.
type Change struct {
	Object string // kind and name as people write it: "deployment monitoring/prometheus"
	Action Action

	version string // of the object as it is now
}

// Outcome sums changes up: created if all of it is new.
func Outcome(changes []Change) Action {
	counts := map[Action]int{}
	for _, c := range changes {
		counts[c.Action]++
	}
	switch len(changes) {
	case counts[Unchanged]:
		return Unchanged
	case counts[Created]:
		return Created
	}
	return Configured
}

// Options of a [Client]. The zero value works.
type Options struct {
	FieldManager string       // who owns the fields; "" means [FieldManager]
	Namespace    string       // for namespaced objects that name none; "" means "default"
	Force        bool         // take fields over from other managers instead of reporting the conflict
	Shared       bool         // the cluster is others' as well: [Client.Converge] takes nothing over that was there before
	Progress     func(string) // told what is being applied; may be nil
}

// Client applies objects to one cluster. It is not for use by several goroutines.
type Client struct {
	o        Options
	dyn      dynamic.Interface
	metadata metadata.Interface
	mapper   meta.ResettableRESTMapper
	mapping  sync.Mutex // of mapper, where several ask at once
}

// New returns a client for the cluster of cfg. It speaks to nobody yet.
func New(cfg *rest.Config, o Options) (*Client, error) {
	disco, err := discovery.NewDiscoveryClientForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("kubernetes client: %w", err)
	}
	dyn, err := dynamic.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("kubernetes client: %w", err)
	}
	heads, err := metadata.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("kubernetes client: %w", err)
	}
	c := newClient(dyn, restmapper.NewDeferredDiscoveryRESTMapper(cached.NewMemCacheClient(disco)), o)
	c.metadata = heads
	return c, nil
}

func newClient(dyn dynamic.Interface, mapper meta.ResettableRESTMapper, o Options) *Client {
	if o.FieldManager == "" {
		o.FieldManager = FieldManager
	}
	if o.Namespace == "" {
		o.Namespace = metav1.NamespaceDefault
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	return &Client{o: o, dyn: dyn, mapper: mapper}
}

// Apply applies the objects in an order that can work (see [Sort]) and waits
// until the CustomResourceDefinitions among them serve before it applies the
// rest. It stops at the first error and returns what was done until then.
func (c *Client) Apply(ctx context.Context, objs []*unstructured.Unstructured) ([]Change, error) {
	changes := make([]Change, 0, len(objs))
	var crds []*unstructured.Unstructured
	for _, obj := range Sort(objs) {
		if isCRD(obj) {
			crds = append(crds, obj)
		} else if len(crds) > 0 {
			if err := c.established(ctx, crds); err != nil {
				return changes, err
			}
			crds = nil
		}
		c.o.Progress("applying " + Describe(obj))
		change, err := c.applyOne(ctx, obj)
		if err != nil {
			return changes, fmt.Errorf("apply %s: %w", change.Object, explain(err))
		}
		changes = append(changes, change)
	}
	return changes, c.established(ctx, crds)
}

func (c *Client) applyOne(ctx context.Context, obj *unstructured.Unstructured) (Change, error) {
	change := Change{Object: Describe(obj)}
	res, obj, err := c.resource(obj)
	if err != nil {
		return change, err
	}
	change.Object = Describe(obj)
	before, err := res.Get(ctx, obj.GetName(), metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return change, err
	}
	existed := err == nil
	after, err := res.Apply(ctx, obj.GetName(), obj, metav1.ApplyOptions{FieldManager: c.o.FieldManager, Force: c.o.Force})
	if err != nil {
		return change, err
	}
	change.version = version(after)
	switch {
	case !existed:
		change.Action = Created
	case same(before, after):
		change.Action = Unchanged
	default:
		change.Action = Configured
	}
	return change, nil
}

// same reports whether the apply changed nothing that anybody asked for. A new
// resource version alone is no proof of a change: a controller may have written
// the status between our read and our write, and the second apply of a Secret
// without data moves it once for its managed fields alone (seen with 1.34).
func same(before, after *unstructured.Unstructured) bool {
	return before.GetResourceVersion() == after.GetResourceVersion() || reflect.DeepEqual(wanted(before), wanted(after))
}

// wanted is the object without what only the API server and controllers write.
func wanted(obj *unstructured.Unstructured) map[string]any {
	obj = obj.DeepCopy()
	obj.SetResourceVersion("")
	obj.SetManagedFields(nil)
	unstructured.RemoveNestedField(obj.Object, "status")
	return obj.Object
}

// resource finds where obj is served, and returns obj with its namespace filled in.
func (c *Client) resource(obj *unstructured.Unstructured) (dynamic.ResourceInterface, *unstructured.Unstructured, error) {
	gvk := obj.GroupVersionKind()
	mapping, err := c.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	if meta.IsNoMatchError(err) {
		// The kind may have come since discovery was cached.
		c.mapper.Reset()
		mapping, err = c.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	}
	if err != nil {
		return nil, obj, err
	}
	if mapping.Scope.Name() != meta.RESTScopeNameNamespace {
		return c.dyn.Resource(mapping.Resource), obj, nil
	}
	if obj.GetNamespace() == "" {
		obj = obj.DeepCopy()
		obj.SetNamespace(c.o.Namespace)
	}
	return c.dyn.Resource(mapping.Resource).Namespace(obj.GetNamespace()), obj, nil
}

// explain says in plain words what the commonest refusals mean.
func explain(err error) error {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || !apierrors.IsConflict(err) {
		return err
	}
	if details := status.Status().Details; details != nil && len(details.Causes) > 0 {
		cause := details.Causes[0]
		return fmt.Errorf("field %s is owned by another manager: %w", cause.Field, err)
	}
	return err
}
