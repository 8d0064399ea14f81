package apply

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var crdResource = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}

// crdPatience bounds the wait for a CustomResourceDefinition to be served when
// the caller set no deadline: the API server needs a second at most, so a minute
// means that it never will.
const crdPatience = time.Minute

// established waits until the API server serves the kinds that crds define.
// It polls: that takes some hundred milliseconds, less than a watch costs.
func (c *Client) established(ctx context.Context, crds []*unstructured.Unstructured) error {
	if len(crds) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, crdPatience)
	defer cancel()
	for _, crd := range crds {
		for {
			got, err := c.dyn.Resource(crdResource).Get(ctx, crd.GetName(), metav1.GetOptions{})
			if err == nil && Established(got) {
				break
			}
			if err == nil {
				err = fmt.Errorf("condition Established is not True")
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("wait for %s: %w: %w", Describe(crd), ctx.Err(), err)
			case <-time.After(100 * time.Millisecond):
			}
		}
	}
	c.mapper.Reset()
	return nil
}

// Established reports whether a CustomResourceDefinition is being served.
func Established(crd *unstructured.Unstructured) bool {
	conditions, _, _ := unstructured.NestedSlice(crd.Object, "status", "conditions")
	for _, c := range conditions {
		condition, _ := c.(map[string]any)
		if condition["type"] == "Established" {
			return condition["status"] == "True"
		}
	}
	return false
}
