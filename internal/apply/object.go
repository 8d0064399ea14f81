package apply

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// Decode reads objects from YAML (several documents) or JSON. A List is taken
// apart, empty documents are skipped. Errors name the source and the document.
func Decode(r io.Reader, source string) ([]*unstructured.Unstructured, error) {
	var objs []*unstructured.Unstructured
	reader := utilyaml.NewYAMLReader(bufio.NewReader(r))
	for n := 1; ; n++ {
		doc, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return objs, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: document %d: %w", source, n, err)
		}
		found, err := decodeDocument(doc)
		if err != nil {
			return nil, fmt.Errorf("%s: document %d: %w", source, n, err)
		}
		objs = append(objs, found...)
	}
}

func decodeDocument(doc []byte) ([]*unstructured.Unstructured, error) {
	if len(bytes.TrimSpace(doc)) == 0 {
		return nil, nil
	}
	// Strict: a doubled key is a mistake of the writer, and the second one would win silently.
	raw, err := yaml.YAMLToJSONStrict(doc)
	if err != nil {
		return nil, err
	}
	if string(bytes.TrimSpace(raw)) == "null" { // nothing but comments
		return nil, nil
	}
	obj := &unstructured.Unstructured{}
	if err := obj.UnmarshalJSON(raw); err != nil {
		return nil, err
	}
	if !obj.IsList() {
		if obj.GetAPIVersion() == "" || obj.GetName() == "" {
			return nil, fmt.Errorf("kind %q wants an apiVersion and a metadata.name", obj.GetKind())
		}
		return []*unstructured.Unstructured{obj}, nil
	}
	var objs []*unstructured.Unstructured
	err = obj.EachListItem(func(item runtime.Object) error {
		u, ok := item.(*unstructured.Unstructured)
		if !ok {
			return fmt.Errorf("a list holds a %T", item)
		}
		objs = append(objs, u)
		return nil
	})
	return objs, err
}

// Sort returns the objects in an order in which they can be applied: namespaces,
// CustomResourceDefinitions, what workloads read or run as, the rest, and
// admission webhooks last, as they may refuse what their own pods need. Within a
// group the order stays as written.
func Sort(objs []*unstructured.Unstructured) []*unstructured.Unstructured {
	sorted := slices.Clone(objs)
	slices.SortStableFunc(sorted, func(a, b *unstructured.Unstructured) int { return rank(a) - rank(b) })
	return sorted
}

func rank(obj *unstructured.Unstructured) int {
	switch obj.GetKind() {
	case "Namespace":
		return 0
	case "CustomResourceDefinition":
		return 1
	case "ResourceQuota", "LimitRange", "NetworkPolicy", "PriorityClass", "StorageClass":
		return 2
	case "AnalysisTemplate", "ClusterAnalysisTemplate": // a Rollout that names one that is not there is invalid for 20 s
		return 3
	case "ServiceAccount", "Secret", "ConfigMap", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding":
		return 3
	case "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration", "ValidatingAdmissionPolicyBinding":
		return 5
	default:
		return 4
	}
}

func isCRD(obj *unstructured.Unstructured) bool {
	return obj.GetKind() == "CustomResourceDefinition" && obj.GroupVersionKind().Group == "apiextensions.k8s.io"
}

// Describe names an object as people write it: "deployment monitoring/prometheus".
func Describe(obj *unstructured.Unstructured) string {
	name := obj.GetName()
	if ns := obj.GetNamespace(); ns != "" {
		name = ns + "/" + name
	}
	return strings.ToLower(obj.GetKind()) + " " + name
}
