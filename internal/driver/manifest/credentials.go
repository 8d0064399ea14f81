package manifest

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/buenhyden/hy-home/internal/apply"
	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/exit"
)

// asksForCredentials: a Secret of the user's whose annotation names credentials
// wants them put in where its values say ${name}.
func asksForCredentials(o *unstructured.Unstructured) bool {
	_, asks := o.GetAnnotations()[apply.CredentialsAnnotation]
	return asks && o.GroupVersionKind().GroupKind().String() == "Secret"
}

// withCredentials gives the component of the user's directory with the Secrets
// that ask for credentials, in the form in which the catalog's components ask.
func withCredentials(c catalog.Component, objs []*unstructured.Unstructured) (catalog.Component, error) {
	c.Secrets, c.KubernetesSecrets = slices.Clone(c.Secrets), nil
	for _, o := range objs {
		if !asksForCredentials(o) {
			continue
		}
		fault := func(format string, args ...any) error {
			return exit.BadInputf("manifests-dir: %s: %s", apply.Describe(o), fmt.Sprintf(format, args...))
		}
		if o.Object["immutable"] == true {
			return c, fault("an immutable Secret cannot take a credential that may change: leave immutable out")
		}
		s := catalog.KubernetesSecret{Name: o.GetName(), Namespace: o.GetNamespace(), Labels: o.GetLabels(), Annotations: o.GetAnnotations(), Data: map[string]string{}}
		s.Type, _, _ = unstructured.NestedString(o.Object, "type")
		encoded, _, err := unstructured.NestedStringMap(o.Object, "data")
		if err != nil {
			return c, fault("data is no list of texts")
		}
		for key, value := range encoded {
			text, err := base64.StdEncoding.DecodeString(value)
			if err != nil {
				return c, fault("data.%s is not base64: write it as stringData", key)
			}
			s.Data[key] = string(text)
		}
		plain, _, err := unstructured.NestedStringMap(o.Object, "stringData")
		if err != nil {
			return c, fault("stringData is no list of texts")
		}
		maps.Copy(s.Data, plain)
		var named []string
		for name := range strings.SplitSeq(o.GetAnnotations()[apply.CredentialsAnnotation], ",") {
			if name = strings.TrimSpace(name); name != "" {
				named = append(named, name)
			}
		}
		// Against its own annotation: what another Secret asks for is not this one's.
		one := c
		one.Secrets, one.KubernetesSecrets = named, []catalog.KubernetesSecret{s}
		var first error
		catalog.CheckSecrets(one, func(format string, args ...any) {
			if first == nil {
				text := strings.TrimPrefix(fmt.Sprintf(format, args...), "kubernetes-secrets "+s.Name+": ")
				first = fault("%s", strings.Replace(text, "is not in the component's secrets", "is not in its annotation "+apply.CredentialsAnnotation, 1))
			}
		})
		if first != nil {
			return c, first
		}
		c.Secrets = append(c.Secrets, named...)
		c.KubernetesSecrets = append(c.KubernetesSecrets, s)
	}
	slices.Sort(c.Secrets)
	c.Secrets = slices.Compact(c.Secrets)
	return c, nil
}
