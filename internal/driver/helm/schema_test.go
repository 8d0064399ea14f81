package helm

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/buenhyden/hy-home/internal/apply"
	"github.com/buenhyden/hy-home/internal/catalog"
	hyengine "github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/lock"
)

func written(t *testing.T, c catalog.Component, env hyengine.Env) map[string][]*unstructured.Unstructured {
	t.Helper()
	files, err := c.Glob("manifests/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range c.Ready {
		if p.Webhook != nil {
			files = append(files, p.Webhook.Manifest)
		}
	}
	found := map[string][]*unstructured.Unstructured{}
	for _, file := range files {
		text, err := c.Text(file, catalog.FieldsOf(env.Name, env.Values, env.Components))
		if err != nil {
			t.Fatal(err)
		}
		if found[file], err = apply.Decode(strings.NewReader(string(text)), file); err != nil {
			t.Fatalf("component %s: %v", c.Name, err)
		}
	}
	return found
}

// defined gathers the kinds of all charts and manifests of the catalog. missing
// are the charts that are not at hand, whose kinds nobody here knows.
func defined(t *testing.T) (d definitions, missing []string) {
	t.Helper()
	d = definitions{}
	eachChart(t, func(t *testing.T, c catalog.Component, env hyengine.Env) {
		objects, hooks := rendered(t, c, env, kubeVersions[0])
		d.add(t, append(objects, hooks...))
	})
	cat, err := catalog.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cat.Components {
		if c.Driver == "manifest" {
			for _, objects := range written(t, c, hyengine.Env{Name: "hy-home", Values: sample, Components: cat.Components}) {
				d.add(t, objects)
			}
		}
		want, remote, err := lock.RemoteChart(c)
		if err != nil {
			t.Fatal(err)
		}
		archive := want.Name + "-" + want.Version + ".tgz"
		if _, err := os.Stat(filepath.Join(chartDirectory(t), archive)); remote && err != nil {
			missing = append(missing, archive)
		}
	}
	slices.Sort(missing)
	return d, slices.Compact(missing)
}

// Custom resources are judged by the definitions that the catalog itself brings,
// for an API server drops what it does not know: a setting that nobody reads
// looks, from outside, like one that does not work.
func TestObjects_KeepTheSchemasOfTheirKinds(t *testing.T) {
	d, missing := defined(t)
	cat, err := catalog.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cat.Components {
		for _, size := range c.Sizes() {
			sized, err := c.Sized(size)
			if err != nil {
				t.Fatal(err)
			}
			for file, objects := range written(t, sized, hyengine.Env{Name: "hy-home", Values: sample, Components: cat.Components}) {
				t.Run(path.Join(c.Name, size, file), func(t *testing.T) {
					for _, o := range objects {
						if _, known := d[o.GroupVersionKind()]; !known && !scheme.Scheme.Recognizes(o.GroupVersionKind()) && len(missing) > 0 {
							t.Skipf("nobody defines %s, but of these charts nothing is known: %v", o.GroupVersionKind(), missing)
						}
						for _, fault := range d.faults(t, o) {
							t.Errorf("%s: %s", apply.Describe(o), fault)
						}
					}
				})
			}
		}
	}
}

// The objects that charts make of other charts' kinds.
func TestCharts_KeepTheSchemasOfTheirKinds(t *testing.T) {
	d, _ := defined(t)
	eachChart(t, func(t *testing.T, c catalog.Component, env hyengine.Env) {
		objects, hooks := rendered(t, c, env, kubeVersions[0])
		for _, o := range append(objects, hooks...) {
			if _, known := d[o.GroupVersionKind()]; known {
				for _, fault := range d.faults(t, o) {
					t.Errorf("%s: %s", apply.Describe(o), fault)
				}
			}
		}
	})
}

// What the check is for, each fault by itself.
func TestDefinitions_Faults(t *testing.T) {
	const crd = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: pools.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Pool, plural: pools}
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              required: [addresses]
              properties:
                addresses: {type: array, items: {type: string}}
                mode: {type: string, enum: [layer2, bgp], default: layer2}
                free: {type: object, x-kubernetes-preserve-unknown-fields: true}
              x-kubernetes-validations:
                - {rule: "self.mode == 'bgp' || size(self.addresses) < 3", message: too many for layer2}
`
	decode := func(text string) []*unstructured.Unstructured {
		objects, err := apply.Decode(strings.NewReader(text), "test")
		if err != nil {
			t.Fatal(err)
		}
		return objects
	}
	d := definitions{}
	d.add(t, decode(crd))
	for text, want := range map[string]string{
		"apiVersion: example.com/v1\nkind: Pool\nmetadata: {name: a}\nspec: {addresses: [b], free: {any: thing}}\n":        "",
		"apiVersion: example.com/v1\nkind: Pool\nmetadata: {name: a}\nspec: {addresses: [b], adresses: [c]}\n":             "there is no field spec.adresses",
		"apiVersion: example.com/v1\nkind: Pool\nmetadata: {name: a}\nspec: {mode: bgp}\n":                                 "spec.addresses: Required value",
		"apiVersion: example.com/v1\nkind: Pool\nmetadata: {name: a}\nspec: {addresses: [1]}\n":                            "must be of type string",
		"apiVersion: example.com/v1\nkind: Pool\nmetadata: {name: a}\nspec: {addresses: [b, c, d]}\n":                      "too many for layer2",
		"apiVersion: example.com/v1\nkind: Pool\nmetadata: {name: a}\nspec: {addresses: [b], mode: l2}\n":                  "Unsupported value",
		"apiVersion: example.com/v2\nkind: Pool\nmetadata: {name: a}\nspec: {addresses: [b]}\n":                            "defines the kind example.com/v2, Kind=Pool",
		"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}\nspec: {podSelector: {}, egres: []}\n": `unknown field "spec.egres"`,
		"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: b}\n":                                             "",
	} {
		got := strings.Join(d.faults(t, decode(text)[0]), "; ")
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}
