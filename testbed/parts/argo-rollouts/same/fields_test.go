package same

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	"sigs.k8s.io/yaml"
)

// TestFields_NoneIsForgotten holds the product's list of a template's fields, of
// which its own test shows that each is honoured or refused, to Argo's types.
func TestFields_NoneIsForgotten(t *testing.T) {
	text, err := os.ReadFile("../../../../internal/gatefile/testdata/fields.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var listed []struct{ Field string }
	if err := yaml.Unmarshal(text, &listed); err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, l := range listed {
		have = append(have, l.Field)
	}
	want := leaves("", reflect.TypeFor[v1alpha1.AnalysisTemplateSpec]())
	slices.Sort(have)
	slices.Sort(want)
	if !slices.Equal(have, want) {
		t.Errorf("the list has\n%s\nArgo has\n%s", strings.Join(have, "\n"), strings.Join(want, "\n"))
	}
	t.Logf("%d fields", len(want))
}

// leaves names the fields of a type that hold values, as their paths in JSON. What
// another provider than Prometheus asks for is one field.
func leaves(at string, of reflect.Type) []string {
	for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
		of = of.Elem()
	}
	if of.Kind() != reflect.Struct || of.PkgPath() != reflect.TypeFor[v1alpha1.Metric]().PkgPath() {
		return []string{at}
	}
	if parent, name, found := strings.Cut(at, "metrics.provider."); found && parent == "" && name != "prometheus" && !strings.HasPrefix(name, "prometheus.") {
		return []string{at}
	}
	var out []string
	for i := range of.NumField() {
		name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
		out = append(out, leaves(strings.TrimPrefix(at+"."+name, "."), of.Field(i).Type)...)
	}
	return out
}
