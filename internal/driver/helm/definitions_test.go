package helm

import (
	"fmt"
	"testing"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/buenhyden/hy-home/internal/apply"
)

// definitions are the kinds that the catalog brings: by group, version and kind.
type definitions map[schema.GroupVersionKind]*apiextensions.JSONSchemaProps

// add takes over the versions that a CustomResourceDefinition serves.
func (d definitions) add(t *testing.T, objects []*unstructured.Unstructured) {
	t.Helper()
	for _, o := range objects {
		if o.GetKind() != "CustomResourceDefinition" {
			continue
		}
		var crd apiextensionsv1.CustomResourceDefinition
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &crd); err != nil {
			t.Fatalf("%s: %v", apply.Describe(o), err)
		}
		for _, v := range crd.Spec.Versions {
			if !v.Served || v.Schema == nil {
				continue
			}
			var props apiextensions.JSONSchemaProps
			if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(v.Schema.OpenAPIV3Schema, &props, nil); err != nil {
				t.Fatalf("%s: %v", apply.Describe(o), err)
			}
			d[schema.GroupVersionKind{Group: crd.Spec.Group, Version: v.Name, Kind: crd.Spec.Names.Kind}] = &props
		}
	}
}

// faults are what an API server with these definitions would say of an object:
// what it does not know, and what breaks the schema or one of its rules. Unlike
// there an unknown field is a fault, as the server would drop it without a word.
func (d definitions) faults(t *testing.T, o *unstructured.Unstructured) []string {
	t.Helper()
	kind := o.GroupVersionKind()
	if scheme.Scheme.Recognizes(kind) {
		return builtIn(t, o)
	}
	props, ok := d[kind]
	if !ok {
		return []string{fmt.Sprintf("no chart and no manifest of the catalog defines the kind %s", kind)}
	}
	s, err := structural.NewStructural(props)
	if err != nil {
		t.Fatalf("%s: %v", kind, err)
	}
	object := o.DeepCopy().Object
	var faults []string
	options := structural.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}
	for _, unknown := range pruning.PruneWithOptions(object, s, true, options) {
		faults = append(faults, "there is no field "+unknown)
	}
	defaulting.Default(object, s)
	validator, _, err := validation.NewSchemaValidator(props)
	if err != nil {
		t.Fatalf("%s: %v", kind, err)
	}
	for _, fault := range validation.ValidateCustomResource(nil, object, validator) {
		faults = append(faults, fault.Error())
	}
	if rules := cel.NewValidator(s, true, celconfig.PerCallLimit); rules != nil {
		broken, _ := rules.Validate(t.Context(), nil, s, object, nil, celconfig.RuntimeCELCostBudget)
		for _, fault := range broken {
			faults = append(faults, fault.Error())
		}
	}
	return faults
}

// builtIn decodes an object of Kubernetes' own kinds strictly.
func builtIn(t *testing.T, o *unstructured.Unstructured) []string {
	t.Helper()
	text, err := o.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	strict := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme.Scheme, scheme.Scheme, json.SerializerOptions{Strict: true})
	if _, _, err := strict.Decode(text, nil, nil); err != nil {
		return []string{err.Error()}
	}
	return nil
}

// written are the objects of a component's own manifests, and those that its
// probes create: what a webhook is to refuse must get as far as the webhook.
