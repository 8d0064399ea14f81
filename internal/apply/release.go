package apply

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

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
