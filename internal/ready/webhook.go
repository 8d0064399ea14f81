package ready

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"

	"github.com/buenhyden/hy-home/internal/apply"
	"github.com/buenhyden/hy-home/internal/catalog"
)

// webhook creates an object as a dry run until the admission webhook behind it
// answers: its program may be up long before the API server trusts it (a CA
// bundle that was injected a moment ago), and Helm's wait knows neither.
func (c *Cluster) webhook(comp catalog.Component, p catalog.WebhookProbe) check {
	what := "webhook behind " + p.Manifest
	return asking(what, func(ctx context.Context) error {
		text, err := fs.ReadFile(comp.Files, p.Manifest)
		if err != nil {
			return finalError{err}
		}
		objs, err := apply.Decode(bytes.NewReader(text), p.Manifest)
		if err == nil && len(objs) != 1 {
			err = fmt.Errorf("it holds %d objects, want 1", len(objs))
		}
		if err != nil {
			return finalError{err}
		}
		return c.dryRun(ctx, comp.Namespace, objs[0], p.Refuses)
	})
}

func (c *Cluster) dryRun(ctx context.Context, namespace string, obj *unstructured.Unstructured, refusal string) error {
	gvr, namespaced, err := c.resource(obj.GetAPIVersion(), obj.GetKind())
	if err != nil {
		return err
	}
	var target dynamic.ResourceInterface = c.Dynamic.Resource(gvr)
	if namespaced {
		if obj.GetNamespace() != "" {
			namespace = obj.GetNamespace()
		}
		target = c.Dynamic.Resource(gvr).Namespace(namespace)
	}
	_, err = target.Create(ctx, obj, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}, FieldManager: apply.FieldManager})
	switch {
	case err != nil && refusal != "" && strings.Contains(err.Error(), refusal):
		return nil
	case err == nil && refusal != "":
		// It is not asked yet: the API server learns of it with a delay.
		return fmt.Errorf("accepts what it must refuse with %q", refusal)
	case err == nil, apierrors.IsAlreadyExists(err): // admission comes before the look whether it exists
		return nil
	case apply.IsTransient(err):
		return fmt.Errorf("%s", oneLine(err.Error()))
	}
	return finalError{err}
}
