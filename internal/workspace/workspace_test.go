package workspace

import (
	"slices"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/testkit"
)

func cat() catalog.Catalog {
	return catalog.Catalog{
		Components: []catalog.Component{
			{Name: "app", Driver: "helm", Tier: "cluster"},
			{Name: "kind", Driver: "cluster", Tier: "cluster", Settings: map[string]any{"image": "kindest/node:v1", "workers": 2}},
			{Name: "net", Driver: "network", Tier: "docker"},
			{Name: "namespaces", Driver: "manifest", Tier: "cluster"},
		},
		Profiles: []catalog.Profile{{Name: "all", Components: []string{"app", "kind", "net", "namespaces"}}, {Name: "bare", Components: []string{"kind"}}},
	}
}

// dir makes files (path: text) and gives their directory.
func dir(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	testkit.Write(t, root, files)
	return root
}

func TestExtend_ComposeFilesBecomeAComponent(t *testing.T) {
	before := cat()
	root := dir(t, map[string]string{"a/compose.yml": "", "b/over.yml": ""})
	e, err := Extend(before, "all", Files{Root: root, ComposeFiles: []string{"a/compose.yml", "b/over.yml"}})
	if err != nil {
		t.Fatal(err)
	}
	c, ok := e.Catalog.Component(Compose)
	if !ok || len(c.Needs) != 1 || c.Needs[0].Name != "net" || !c.Needs[0].Optional {
		t.Errorf("component %+v", c)
	}
	if p, _ := e.Catalog.Profile("all"); !slices.Contains(p.Components, Compose) {
		t.Error("the profile does not choose it")
	}
	if p, _ := e.Catalog.Profile("bare"); slices.Contains(p.Components, Compose) {
		t.Error("another profile chooses it")
	}
	if p, _ := before.Profile("all"); len(p.Components) != 4 || len(before.Components) != 4 {
		t.Error("the catalog handed in has changed")
	}
	if len(e.Warnings) != 1 || !strings.Contains(e.Warnings[0], "relative paths in all of them start at a") {
		t.Errorf("warnings %q", e.Warnings)
	}
	if _, ok := Known(before).Component(Compose); !ok {
		t.Error("without the files it cannot be taken down")
	}
}

func TestExtend_NoFilesChangeNothing(t *testing.T) {
	e, err := Extend(cat(), "all", Files{Root: t.TempDir()})
	if err != nil || len(e.Catalog.Components) != 4 || len(e.Components)+len(e.Warnings) > 0 {
		t.Errorf("got %+v, %v", e, err)
	}
}

func TestExtend_WrongInputsAreToldInOneSentence(t *testing.T) {
	root := dir(t, map[string]string{"compose.yml": "", "sub/x": ""})
	for _, tt := range []struct {
		f    Files
		want string
	}{
		{Files{ComposeFiles: []string{"gone.yml"}}, `compose-files names "gone.yml", which is not there: give the path of a file from `},
		{Files{ComposeFiles: []string{"sub"}}, `compose-files names "sub", which is no file`},
		{Files{ComposeFiles: []string{"compose.yml", "./compose.yml"}}, `compose-files names "./compose.yml" twice`},
		{Files{EnvFiles: []string{".env"}}, `env-files is ".env", but compose-files names no file it could be for`},
		{Files{ComposeProfiles: []string{"debug"}}, `compose-profiles is "debug", but compose-files`},
	} {
		tt.f.Root = root
		_, err := Extend(cat(), "all", tt.f)
		if exit.Code(err) != exit.BadInput || err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, want bad input with %q", err, tt.want)
		}
	}
}
