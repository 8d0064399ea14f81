package ready

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/buenhyden/hy-home/internal/catalog"
)

// versions of the objects that carry a CA bundle.
var caVersions = map[string]string{
	"ValidatingWebhookConfiguration": "admissionregistration.k8s.io/v1",
	"MutatingWebhookConfiguration":   "admissionregistration.k8s.io/v1",
	"CustomResourceDefinition":       "apiextensions.k8s.io/v1",
	"APIService":                     "apiregistration.k8s.io/v1",
}

// caBundle waits until every client configuration of an object holds a certificate:
// until then the API server trusts nobody who answers for it.
func (c *Cluster) caBundle(around *surroundings, p catalog.CABundleProbe) check {
	probe := catalog.ObjectProbe{Kind: p.Kind, APIVersion: caVersions[p.Kind], Name: p.Name}
	return c.watchObjects(around, "CA bundle of ", probe, func(obj *unstructured.Unstructured) verdict {
		if missing := withoutCA(obj); missing != "" {
			return verdict{state: missing}
		}
		return verdict{done: true}
	})
}

// withoutCA names the first client configuration without a usable certificate.
func withoutCA(obj *unstructured.Unstructured) string {
	var bundles []string
	var names []string
	switch obj.GetKind() {
	case "APIService":
		bundle, _, _ := unstructured.NestedString(obj.Object, "spec", "caBundle")
		bundles, names = []string{bundle}, []string{obj.GetName()}
	case "CustomResourceDefinition":
		bundle, _, _ := unstructured.NestedString(obj.Object, "spec", "conversion", "webhook", "clientConfig", "caBundle")
		bundles, names = []string{bundle}, []string{"conversion webhook"}
	default:
		hooks, _, _ := unstructured.NestedSlice(obj.Object, "webhooks")
		for _, h := range hooks {
			hook, _ := h.(map[string]any)
			bundle, _, _ := unstructured.NestedString(hook, "clientConfig", "caBundle")
			name, _ := hook["name"].(string)
			bundles, names = append(bundles, bundle), append(names, name)
		}
	}
	if len(bundles) == 0 {
		return "it has no webhooks"
	}
	for i, bundle := range bundles {
		text, err := base64.StdEncoding.DecodeString(bundle)
		if err == nil && len(text) == 0 {
			return names[i] + " has no CA bundle"
		}
		block, _ := pem.Decode(text)
		if err != nil || block == nil {
			return names[i] + " has a CA bundle that is no certificate"
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return names[i] + " has a CA bundle that is no certificate: " + err.Error()
		}
	}
	return ""
}
