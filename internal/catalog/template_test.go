package catalog

import (
	"testing"
	"testing/fstest"
)

func TestText_TellsWhatThePlatformHasAndTheSize(t *testing.T) {
	c := Component{Name: "grafana", Namespace: "monitoring", Files: fstest.MapFS{
		"values.yaml.tmpl": {Data: []byte(`{{ .Namespace }} {{ .Size }} {{ .Has "loki" }} {{ .Has "tempo" }}`)},
	}}
	f := FieldsOf("hy-home", nil, []Component{c, {Name: "loki"}})
	for size, want := range map[string]string{"": "monitoring slim true false", "ha": "monitoring ha true false"} {
		c.Size = size
		got, err := c.Text("values.yaml", f)
		if err != nil || string(got) != want {
			t.Errorf("size %q: got %q, %v; want %q", size, got, err, want)
		}
	}
}
