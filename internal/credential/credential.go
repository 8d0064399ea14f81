// Package credential brings generated credentials into the cluster: as the
// Kubernetes Secrets that components ask for, and as one Secret of the platform's
// own, in which a run on another machine finds them again.
//
// Values never appear in an error or a log; names do.
package credential

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/buenhyden/hy-home/internal/apply"
	"github.com/buenhyden/hy-home/internal/catalog"
)

// Objects are the Secrets that a component asks for, filled in.
func Objects(c catalog.Component, credentials map[string]string) ([]*unstructured.Unstructured, error) {
	var objs []*unstructured.Unstructured
	for _, s := range c.KubernetesSecrets {
		data, err := s.Fill(credentials)
		if err != nil {
			return nil, fmt.Errorf("component %s: %w", c.Name, err)
		}
		annotations := maps.Clone(s.Annotations)
		if annotations == nil {
			annotations = map[string]string{}
		}
		annotations[apply.CredentialsAnnotation] = strings.Join(s.Credentials(), ",")
		objs = append(objs, object(s.Name, s.In(c), s.Type, s.Labels, annotations, data))
	}
	return objs, nil
}

// Texts are the values of a component's Secrets that have a credential in them,
// and what they look like in the Secret's YAML, by a name for each: what has to
// be hidden beside the credentials themselves.
func Texts(c catalog.Component, credentials map[string]string) map[string]string {
	texts := map[string]string{}
	for _, s := range c.KubernetesSecrets {
		data, err := s.Fill(credentials)
		if err != nil {
			continue // told when the Secret is made
		}
		for _, key := range slices.Sorted(maps.Keys(data)) {
			if len(catalog.KubernetesSecret{Data: map[string]string{key: s.Data[key]}}.Credentials()) == 0 {
				continue
			}
			name := s.In(c) + "/" + s.Name + "/" + key
			texts[name] = data[key]
			texts[name+" (base64)"] = base64.StdEncoding.EncodeToString([]byte(data[key]))
		}
	}
	return texts
}

func object(name, namespace, kind string, labels, annotations, data map[string]string) *unstructured.Unstructured {
	if kind == "" {
		kind = "Opaque"
	}
	encoded := make(map[string]any, len(data))
	for key, value := range data {
		encoded[key] = base64.StdEncoding.EncodeToString([]byte(value))
	}
	obj := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Secret", "type": kind, "data": encoded,
	}}
	obj.SetName(name)
	obj.SetNamespace(namespace)
	if len(annotations) > 0 {
		obj.SetAnnotations(annotations)
	}
	obj.SetLabels(labels)
	return obj
}
