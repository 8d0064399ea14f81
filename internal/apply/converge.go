package apply

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/buenhyden/hy-home/internal/exit"
)

// Converge applies the objects for i and removes what i held before and no
// longer wants.
func (c *Client) Converge(ctx context.Context, i Inventory, objs []*unstructured.Unstructured) ([]Change, error) {
	before, remembered, err := c.read(ctx, i)
	if err != nil {
		return nil, err
	}
	marked, want, err := c.prepare(ctx, i, objs, before)
	if err != nil {
		return nil, err
	}
	sum, err := digest(marked)
	if err != nil {
		return nil, err
	}
	same, stale, err := c.secrets(ctx, i, marked)
	if err != nil {
		return nil, err
	}
	if same && c.asRemembered(ctx, remembered, sum, want) {
		changes := make([]Change, len(marked))
		for n, obj := range marked {
			changes[n] = Change{Object: Describe(obj), Action: Unchanged}
		}
		return changes, nil
	}
	gone := slices.DeleteFunc(slices.Clone(before), func(r Ref) bool { return slices.Contains(want, r) })
	// Both until the work is done: a process that is killed now must be able to
	// find everything again.
	if err := c.note(ctx, i, append(slices.Clone(gone), want...), memory{}); err != nil {
		return nil, err
	}
	if err := c.renew(ctx, stale); err != nil {
		return nil, err
	}
	changes, err := c.Apply(ctx, marked)
	if err != nil {
		return changes, err
	}
	m := memory{digest: sum, versions: make(map[string]string, len(want))}
	for n, r := range want {
		m.versions[r.String()] = changes[n].version
	}
	released, err := c.release(ctx, i, gone)
	changes = append(changes, released...)
	if err != nil {
		return changes, err
	}
	return changes, c.note(ctx, i, want, m)
}

// prepare marks the objects as i's, in the order in which they are applied, and
// leaves out what a shared cluster had before.
func (c *Client) prepare(ctx context.Context, i Inventory, objs []*unstructured.Unstructured, before []Ref) (marked []*unstructured.Unstructured, want []Ref, err error) {
	scopes := scopesOf(objs)
	for _, obj := range Sort(objs) {
		if obj, err = c.marked(obj, i, scopes); err != nil {
			return nil, nil, err
		}
		ref := refOf(obj)
		if c.o.Shared && !slices.Contains(before, ref) {
			theirs, err := c.foreign(ctx, ref)
			if err != nil {
				return nil, nil, err
			}
			if theirs {
				continue
			}
		}
		if ref.Kind == namespaceKind {
			if live, err := c.live(ctx, ref); err == nil && live != nil && live.GetDeletionTimestamp() != nil {
				if err := c.vanished(ctx, ref); err != nil {
					return nil, nil, err
				}
			}
		}
		marked, want = append(marked, obj), append(want, ref)
	}
	return marked, want, nil
}

// marked is the object with its namespace filled in and i's label on it.
func (c *Client) marked(obj *unstructured.Unstructured, i Inventory, scopes map[schema.GroupKind]string) (*unstructured.Unstructured, error) {
	obj = obj.DeepCopy()
	labels := obj.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	labels[i.label()] = i.Part
	obj.SetLabels(labels)
	_, placed, err := c.resource(obj)
	if scope, ok := scopes[obj.GroupVersionKind().GroupKind()]; ok && meta.IsNoMatchError(err) {
		// Its definition is applied just before it, so the cluster cannot say yet.
		if scope == "Namespaced" && obj.GetNamespace() == "" {
			obj.SetNamespace(c.o.Namespace)
		}
		return obj, nil
	}
	if err != nil {
		return nil, fmt.Errorf("apply %s: %w", Describe(obj), err)
	}
	return placed, nil
}

// scopesOf says "Namespaced" or "Cluster" for each kind that is defined among
// the objects.
func scopesOf(objs []*unstructured.Unstructured) map[schema.GroupKind]string {
	scopes := map[schema.GroupKind]string{}
	for _, obj := range objs {
		if isCRD(obj) {
			group, _, _ := unstructured.NestedString(obj.Object, "spec", "group")
			kind, _, _ := unstructured.NestedString(obj.Object, "spec", "names", "kind")
			scope, _, _ := unstructured.NestedString(obj.Object, "spec", "scope")
			scopes[schema.GroupKind{Group: group, Kind: kind}] = scope
		}
	}
	return scopes
}

// foreign reports that a namespace was there before any platform: it is used as
// it is. Anything else that was there before is not taken over.
func (c *Client) foreign(ctx context.Context, r Ref) (bool, error) {
	live, err := c.live(ctx, r)
	if err != nil || live == nil {
		return false, err
	}
	for key := range live.GetLabels() {
		if strings.HasPrefix(key, HolderDomain+"/") {
			return false, nil
		}
	}
	if r.Kind == namespaceKind {
		return true, nil
	}
	return false, exit.BadInputf("%s is in the cluster already and no platform has made it: leave the component out, or remove it first", Describe(live))
}
