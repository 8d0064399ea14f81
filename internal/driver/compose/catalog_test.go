package compose

import (
	"encoding/json"
	"io/fs"
	"maps"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/composefile"
)

// Every Compose file of the catalog, at every size, is what the driver can start:
// its own loader reads it, nothing that is known to bite is in it, and what
// docker inspect shows has no credential in it.
func TestCatalog_EveryComposeFileLoads(t *testing.T) {
	cat, err := catalog.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cat.Components {
		if c.Driver != "compose" {
			continue
		}
		for _, size := range c.Sizes() {
			t.Run(c.Name+"/"+size, func(t *testing.T) {
				sized, err := c.Sized(size)
				if err != nil {
					t.Fatal(err)
				}
				testComposeFile(t, sized)
			})
		}
	}
}

func testComposeFile(t *testing.T, c catalog.Component) {
	e := env("hyt")
	e.Secrets = map[string]string{}
	for _, name := range c.Secrets {
		e.Secrets[name] = "credential-of-" + name
	}
	p, err := load(t.Context(), c, e)
	if err != nil {
		t.Fatal(err)
	}
	text, err := fs.ReadFile(c.Files, "compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := composefile.Parse("compose.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range composefile.Refused([]composefile.Doc{doc}) {
		t.Error(f)
	}
	u := &userProject{Project: p, docs: []composefile.Doc{doc}}
	findings, err := u.lint(0)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		// A job of the catalog is judged by a probe of what it made; the conformance
		// suite wants one.
		if !strings.Contains(f.Text, "it ends, and nothing waits for that") {
			t.Error(f)
		}
	}
	public, err := json.Marshal(p.Services)
	if err != nil {
		t.Fatal(err)
	}
	inside := strings.Builder{}
	for name, config := range p.Configs {
		inside.WriteString(name + config.Content)
	}
	for _, s := range p.Secrets {
		inside.WriteString(s.Environment)
	}
	for name, value := range maps.All(e.Secrets) {
		if strings.Contains(string(public), value) {
			t.Errorf("secret %s is in what docker inspect shows", name)
		}
		if !strings.Contains(inside.String(), value) && !strings.Contains(inside.String(), variable(name)) {
			t.Errorf("secret %s reaches no container", name)
		}
	}
	for name, n := range p.Networks {
		if n.Name != e.Values["infra-net-name"] || !bool(n.External) {
			t.Errorf("network %s is %q: the data tier has one, which component infra-net makes", name, n.Name)
		}
	}
}
