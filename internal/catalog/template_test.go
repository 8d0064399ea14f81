package catalog

import (
	"strings"
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

// A service that others run takes the place of containers: files name the endpoint,
// and the platform says where it is.
func TestText_TellsWhereEndpointsAre(t *testing.T) {
	c := Component{Name: "loki", Files: fstest.MapFS{
		"values.yaml.tmpl": {Data: []byte(`{{ with .Endpoint "s3" }}{{ .At }} {{ index .Hosts 0 }} {{ .TLS }}{{ end }}`)},
	}, KubernetesSecrets: []KubernetesSecret{{Name: "dsn", Data: map[string]string{"url": `u:${p:url}@{{ (.Endpoint "pg").At }}`}}}}
	pg := Component{Name: "postgres", Expose: []Endpoint{{Name: "pg", Protocol: Postgres, Hosts: []string{"pg-router"}, Port: 5000}}}
	for want, s3 := range map[string]Endpoint{
		"http://seaweedfs:8333 seaweedfs false":              {Name: "s3", Protocol: S3, Hosts: []string{"seaweedfs"}, Port: 8333},
		"https://s3.amazonaws.com:443 s3.amazonaws.com true": {Name: "s3", Protocol: S3, Hosts: []string{"s3.amazonaws.com"}, Port: 443, TLS: true, External: true},
	} {
		cs := []Component{c, pg, {Name: "store", Expose: []Endpoint{s3}}}
		if got, err := c.Text("values.yaml", FieldsOf("hy-home", nil, cs)); err != nil || string(got) != want {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
		secrets, err := c.SecretsAmong(OffersOf(cs))
		if err != nil || secrets[0].Data["url"] != "u:${p:url}@pg-router:5000" {
			t.Errorf("got %v, %v", secrets, err)
		}
	}
	if _, err := c.SecretsAmong(nil); err == nil || !strings.Contains(err.Error(), `component loki: kubernetes-secrets dsn: `) || !strings.Contains(err.Error(), `no component of the platform exposes the endpoint "pg"`) {
		t.Errorf("got %v", err)
	}
	if c.KubernetesSecrets[0].Data["url"] != `u:${p:url}@{{ (.Endpoint "pg").At }}` {
		t.Error("the catalog was changed")
	}
}
