package apply

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/buenhyden/hy-home/internal/exit"
)

// CredentialsAnnotation on a Secret lists the generated credentials in it. What
// reads such a Secret is restarted when its content changes, as no pod notices by
// itself that a variable it was started with has another value now.
const CredentialsAnnotation = HolderDomain + "/credentials"

// restartAnnotation is on a Secret whose content is new and whose readers may
// still have the old one: it is written along with the content and goes when
// they were restarted, so that a killed process leaves no pod behind with it.
const restartAnnotation = HolderDomain + "/restart-readers"

var secretKind = schema.GroupKind{Kind: "Secret"}

func isSecret(obj *unstructured.Unstructured) bool {
	return obj.GroupVersionKind().GroupKind() == secretKind
}

// withoutContent is a Secret with the values taken out: a digest in the inventory,
// which more people may read than the Secret, would let them try out passwords.
// What is in it is compared with the live one instead.
func withoutContent(obj *unstructured.Unstructured) *unstructured.Unstructured {
	if !isSecret(obj) {
		return obj
	}
	obj = obj.DeepCopy()
	for _, field := range []string{"data", "stringData"} {
		if content, _, _ := unstructured.NestedMap(obj.Object, field); content != nil {
			for key := range content {
				content[key] = ""
			}
			obj.Object[field] = content
		}
	}
	return obj
}

// content is what a Secret holds, decoded. The API server keeps only data.
func content(obj *unstructured.Unstructured) map[string]string {
	held := map[string]string{}
	data, _, _ := unstructured.NestedMap(obj.Object, "data")
	for key, value := range data {
		text, _ := value.(string)
		decoded, _ := base64.StdEncoding.DecodeString(text)
		held[key] = string(decoded)
	}
	plain, _, _ := unstructured.NestedMap(obj.Object, "stringData")
	for key, value := range plain {
		held[key], _ = value.(string)
	}
	return held
}

// secrets compares the Secrets among the objects with the live ones. same says
// that none of them differs; stale are those with credentials whose content is
// about to change, or has, without their readers knowing.
func (c *Client) secrets(ctx context.Context, i Inventory, objs []*unstructured.Unstructured) (same bool, stale []*unstructured.Unstructured, err error) {
	same = true
	for _, obj := range objs {
		if !isSecret(obj) {
			continue
		}
		live, err := c.live(ctx, refOf(obj))
		if err != nil {
			return false, nil, fmt.Errorf("look at %s: %w", Describe(obj), err)
		}
		if live == nil {
			same = false
			continue
		}
		have := content(live)
		changed := false
		for key, value := range content(obj) {
			old, there := have[key]
			changed = changed || !there || old != value
		}
		if other := otherHolder(live, i); changed && other != "" {
			return false, nil, exit.BadInputf("%s belongs to platform %s as well, and holds other credentials there: give one of the platforms another namespace for it, or leave the component out", Describe(obj), other)
		}
		_, pending := live.GetAnnotations()[restartAnnotation]
		same = same && !changed && !pending
		// One that was made by hand had no readers of ours.
		ours := live.GetLabels()[i.label()] == i.Part
		if _, credentials := obj.GetAnnotations()[CredentialsAnnotation]; credentials && ours && (changed || pending) {
			stale = append(stale, obj)
		}
	}
	return same, stale, nil
}

// otherHolder is a platform beside i's that holds an object, or "".
func otherHolder(live *unstructured.Unstructured, i Inventory) string {
	for _, key := range slices.Sorted(maps.Keys(live.GetLabels())) {
		if owner, ok := strings.CutPrefix(key, HolderDomain+"/"); ok && owner != i.Owner {
			return owner
		}
	}
	return ""
}

// renew writes the new content of Secrets and restarts what reads them.
func (c *Client) renew(ctx context.Context, stale []*unstructured.Unstructured) error {
	for _, obj := range stale {
		marked := obj.DeepCopy()
		annotations := marked.GetAnnotations()
		annotations[restartAnnotation] = "pending"
		marked.SetAnnotations(annotations)
		if _, err := c.applyOne(ctx, marked); err != nil {
			return fmt.Errorf("apply %s: %w", Describe(obj), explain(err))
		}
		if err := c.restartReaders(ctx, obj.GetNamespace(), obj.GetName()); err != nil {
			return err
		}
	}
	return nil
}

// restartable are the kinds whose pods are replaced when their template changes.
var restartable = []schema.GroupVersionKind{
	{Group: "apps", Version: "v1", Kind: "Deployment"},
	{Group: "apps", Version: "v1", Kind: "StatefulSet"},
	{Group: "apps", Version: "v1", Kind: "DaemonSet"},
	{Group: "argoproj.io", Version: "v1alpha1", Kind: "Rollout"},
}

// restartReaders does to the workloads of a namespace that read a Secret what
// `kubectl rollout restart` does; a Rollout has a field of its own for it.
func (c *Client) restartReaders(ctx context.Context, namespace, secret string) error {
	for _, kind := range restartable {
		c.mapping.Lock()
		mapping, err := c.mapper.RESTMapping(kind.GroupKind(), kind.Version)
		c.mapping.Unlock()
		if err != nil {
			continue // a cluster without Rollouts has none to restart
		}
		res := c.dyn.Resource(mapping.Resource).Namespace(namespace)
		list, err := res.List(ctx, metav1.ListOptions{})
		if err != nil {
			return fmt.Errorf("look for what reads secret %s/%s: %w", namespace, secret, err)
		}
		for _, w := range list.Items {
			spec, _, _ := unstructured.NestedMap(w.Object, "spec", "template", "spec")
			if !reads(spec, secret) || w.GetDeletionTimestamp() != nil {
				continue
			}
			c.o.Progress("restarting " + Describe(&w) + ", as secret " + secret + " has changed")
			_, err := res.Patch(ctx, w.GetName(), types.MergePatchType, restartPatch(kind.Kind), metav1.PatchOptions{FieldManager: c.o.FieldManager})
			if err != nil && !apierrors.IsNotFound(err) {
				return fmt.Errorf("restart %s: %w", Describe(&w), err)
			}
		}
	}
	return nil
}

func restartPatch(kind string) []byte {
	now := time.Now().UTC().Format(time.RFC3339)
	if kind == "Rollout" {
		return fmt.Appendf(nil, `{"spec":{"restartAt":%q}}`, now)
	}
	return fmt.Appendf(nil, `{"spec":{"template":{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":%q}}}}}`, now)
}

// reads reports that a pod's specification names a Secret for its variables or
// volumes. The one of imagePullSecrets is read at the next pull anyway.
func reads(node any, secret string) bool {
	switch node := node.(type) {
	case map[string]any:
		for key, value := range node {
			named, _ := value.(map[string]any)
			switch key {
			case "secretKeyRef", "secretRef":
				if named["name"] == secret {
					return true
				}
			case "secret": // of a volume, and within a projected one
				if named["secretName"] == secret || named["name"] == secret {
					return true
				}
			}
			if reads(value, secret) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(node, func(v any) bool { return reads(v, secret) })
	}
	return false
}
