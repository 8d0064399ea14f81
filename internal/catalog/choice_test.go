package catalog

import (
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/buenhyden/hy-home/internal/exit"
)

// small is a catalog of a cluster, a database in two sizes, and who needs what.
func small(t *testing.T, profile string) Catalog {
	t.Helper()
	component := func(name, more string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte("name: " + name + "\ndescription: one\ntier: docker\ndriver: compose\ntimeout: 1m\ntakes: 1s\n" + more)}
	}
	cat, err := Load(fstest.MapFS{
		"components/kind/component.yaml":           component("kind", "provides: cluster"),
		"components/db/component.yaml":             component("db", "settings: {a: 1, b: 2}\nimages: [docker.io/x/db:1]\nbudget: {cpu: 1, memory: 1Gi}\nexpose: [{name: db, protocol: tcp, port: 1, hosts: [db-1]}]"),
		"components/db/compose.yaml":               {Data: []byte("one")},
		"components/db/init.sh":                    {Data: []byte("both")},
		"components/db/sizes/ha/component.yaml":    {Data: []byte("settings: {b: 3}\nbudget: {memory: 3Gi}\nexpose: [{name: db, protocol: tcp, port: 1, hosts: [db-1, db-2]}]")},
		"components/db/sizes/ha/compose.yaml":      {Data: []byte("three")},
		"components/db/sizes/other/component.yaml": {Data: []byte("from: ha\nimages: [docker.io/y/db:1]")},
		"components/web/component.yaml":            component("web", "needs: [{name: cluster, why: it runs there}, {name: db, why: it stores}]"),
		"components/mesh/component.yaml":           component("mesh", "needs: [{name: web, why: it, optional: true}, {name: cluster, why: there}]"),
		"profiles/p.yaml":                          {Data: []byte("name: p\ndescription: one\n" + profile)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return cat
}

func TestSized_IsWhatDiffersPutOverTheComponent(t *testing.T) {
	all := small(t, "components: [kind, db]\nsize: ha")
	cat, err := all.Choose("p", Choice{})
	if err != nil {
		t.Fatal(err)
	}
	c, _ := cat.Component("db")
	if c.Size != "ha" || c.Settings["a"] != 1 || c.Settings["b"] != 3 || c.Budget.Memory != 3<<30 || c.Budget.CPU != 1000 || len(c.Expose[0].Hosts) != 2 || len(c.Images) != 1 {
		t.Errorf("got %+v", c)
	}
	for name, want := range map[string]string{"compose.yaml": "three", "init.sh": "both"} {
		if text, err := fs.ReadFile(c.Files, name); err != nil || string(text) != want {
			t.Errorf("%s is %q, %v", name, text, err)
		}
	}
	slim, err := all.Choose("p", Choice{Sizes: map[string]string{"db": Slim}})
	if err != nil {
		t.Fatal(err)
	}
	if c, _ := slim.Component("db"); c.Size == "ha" {
		t.Error("a single component's size does not go before the profile's")
	}
}

func TestSized_StartsFromAnotherSize(t *testing.T) {
	cat, err := small(t, "components: [kind, db]").Choose("p", Choice{Sizes: map[string]string{"db": "other"}})
	if err != nil {
		t.Fatal(err)
	}
	c, _ := cat.Component("db")
	if c.Size != "other" || c.Settings["b"] != 3 || len(c.Expose[0].Hosts) != 2 || c.Images[0] != "docker.io/y/db:1" {
		t.Errorf("got %+v", c)
	}
	if text, err := fs.ReadFile(c.Files, "compose.yaml"); err != nil || string(text) != "three" {
		t.Errorf("compose.yaml is %q, %v", text, err)
	}
}

func TestChoose_AddsWithNeedsAndLeavesOut(t *testing.T) {
	cat := small(t, "components: [kind, mesh]\nsettings: {}")
	for _, c := range []struct {
		components, sizes, want, err string
	}{
		{"", "", "kind mesh", ""},
		{"+web", "", "kind mesh db web", ""},
		{"+web -mesh", "db=ha", "kind db web", ""},
		{"+db", "", "kind mesh db", ""},
		{"+web -db", "", "", "which profile p does not have"},
		{"-mesh -mesh", "", "", "names mesh twice"},
		{"+nothing", "", "", "no component; there are: db, kind, mesh, web"},
		{"web", "", "", `components has "web": write +name`},
		{"+", "", "", `components has "+"`},
		{"++web", "", "", `components has "++web"`},
		{"", "db=ha", "", "db, which is not among the components"},
		{"+db", "db=huge", "", `no size "huge"; there are: slim, ha, other`},
		{"", "db", "", `sizes has "db", want component=size`},
	} {
		choice, err := ParseChoice(strings.Fields(c.components), strings.Fields(c.sizes))
		var got Catalog
		if err == nil {
			got, err = cat.Choose("p", choice)
		}
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) || exit.Code(err) != exit.BadInput {
				t.Errorf("%q %q: %v, want %q", c.components, c.sizes, err, c.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", c.components, err)
			continue
		}
		if p, _ := got.Profile("p"); strings.Join(p.Components, " ") != c.want {
			t.Errorf("%q: got %v, want %s", c.components, p.Components, c.want)
		}
	}
	if p, _ := cat.Profile("p"); !slices.Equal(p.Components, []string{"kind", "mesh"}) {
		t.Errorf("the catalog itself was changed: %v", p.Components)
	}
}

func TestChoose_WhatIsLeftOutIsNotAddedByTheBackDoor(t *testing.T) {
	cat := small(t, "components: [kind, db]")
	if _, err := cat.Choose("p", Choice{Add: []string{"web"}, Remove: []string{"db"}}); err == nil || !strings.Contains(err.Error(), "leaves out db, but adds web, which needs it: it stores") {
		t.Errorf("got %v", err)
	}
}
