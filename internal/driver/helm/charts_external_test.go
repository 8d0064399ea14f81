package helm

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/buenhyden/hy-home/internal/catalog"
	hyengine "github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/plan"
)

// elsewhere is a data tier that others run, and the names that its containers would
// have had.
func elsewhere(t *testing.T, cat catalog.Catalog) (managed []plan.Managed, containers []string) {
	t.Helper()
	for _, c := range cat.Components {
		if c.Driver != "compose" {
			continue
		}
		for _, e := range c.Expose {
			managed = append(managed, plan.Managed{Name: e.Name, Hosts: []string{e.Name + ".data.example"}, Port: 10443, TLS: e.Protocol != catalog.TCP})
		}
		text, err := fs.ReadFile(c.Files, "compose.yaml")
		if err != nil {
			t.Fatal(err)
		}
		var file struct{ Services map[string]any }
		if err := yaml.Unmarshal(text, &file); err != nil {
			t.Fatal(err)
		}
		for name := range file.Services {
			containers = append(containers, name)
		}
	}
	return managed, containers
}

// fullElsewhere is the whole design beside one.
func fullElsewhere(t *testing.T) (p plan.Plan, containers []string) {
	t.Helper()
	cat, err := catalog.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	managed, containers := elsewhere(t, cat)
	if p, err = plan.New(cat, plan.Target{Profile: "full", Data: plan.External, Managed: managed}, plan.Machine{}); err != nil {
		t.Fatal(err)
	}
	return p, containers
}

// Where others run the data tier nobody answers to the names of its containers: all
// that the cluster is told leads to the services that take their place.
func TestCharts_GoWhereTheDataTierIs(t *testing.T) {
	p, containers := fullElsewhere(t)
	names := regexp.MustCompile(`\b(` + strings.Join(containers, "|") + `)(\.?:\d|\.infra\.local)`)
	told := map[string]string{} // by component: all that it is told
	for _, c := range p.Components {
		fields := catalog.FieldsOf("hy-home", sample, p.Components)
		files, err := c.Glob("manifests/*.yaml")
		if err != nil {
			t.Fatal(err)
		}
		if c.Driver == "helm" {
			files = append(files, valuesFile)
		}
		for _, file := range files {
			text, err := c.Text(file, fields)
			if err != nil {
				t.Fatal(err)
			}
			told[c.Name] += string(text)
		}
		for _, s := range c.KubernetesSecrets {
			told[c.Name] += fmt.Sprint(s.Data)
		}
		if found := names.FindString(told[c.Name]); found != "" {
			t.Errorf("component %s goes to %s, which is a container of the data tier", c.Name, found)
		}
	}
	for name, wants := range map[string][]string{
		"loki":    {"endpoint: https://s3.data.example:10443", "insecure: false"},
		"tempo":   {"endpoint: s3.data.example:10443", "insecure: false"},
		"airflow": {"@postgres.data.example:10443/airflow", `"endpoint_url": "https://s3.data.example:10443"`},
		"n8n":     {"host: postgres.data.example\n", "{host: redis.data.example, port: 10443}", "ssl: {enabled: true}", "tls: {enabled: true}"},
	} {
		for _, want := range wants {
			if !strings.Contains(told[name], want) {
				t.Errorf("component %s is not told %q:\n%s", name, want, told[name])
			}
		}
	}
}

// The charts read what they are told then, and make the same objects.
func TestCharts_RenderWhereverTheDataTierIs(t *testing.T) {
	p, _ := fullElsewhere(t)
	eachChart(t, func(t *testing.T, c catalog.Component, env hyengine.Env) {
		planned, ok := p.Find(c.Name)
		if !ok || planned.Size != c.Size {
			return // not of this plan
		}
		here, _ := rendered(t, c, env, kubeVersions[0])
		env.Components = p.Components
		ch, _, _, err := load(t.Context(), planned, env)
		if err != nil {
			t.Fatal(err)
		}
		text, err := planned.Text(valuesFile, catalog.FieldsOf(env.Name, env.Values, env.Components))
		if err != nil {
			t.Fatal(err)
		}
		unread, err := Unread(ch, text)
		if err != nil || len(unread) > 0 {
			t.Errorf("the chart reads no value %v, %v", unread, err)
		}
		there, _ := rendered(t, planned, env, kubeVersions[0])
		if got, want := inventory(t, there, nil), inventory(t, here, nil); !slices.Equal(got, want) {
			t.Errorf("it makes\n%s\nand beside a data tier of its own\n%s", got, want)
		}
	})
}
