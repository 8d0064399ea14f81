package bumpimage

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/forge/forgetest"
	"github.com/buenhyden/hy-home/internal/gitrepo/gittest"
)

func TestMatches(t *testing.T) {
	for pattern, names := range map[string]map[string]bool{
		"apps/*/dev":      {"apps/a/dev": true, "apps/dev": false, "apps/a/b/dev": false, "apps/a/dev/x": false},
		"apps/**":         {"apps": true, "apps/a": true, "apps/a/b/c": true, "other": false},
		"**/dev":          {"dev": true, "a/dev": true, "a/b/dev": true, "a/dev/b": false},
		"apps/**/dev-?":   {"apps/dev-1": true, "apps/a/b/dev-2": true, "apps/a/dev-10": false},
		"a/**/b/**/[cd]":  {"a/b/c": true, "a/x/b/y/z/d": true, "a/c": false},
		"apps/*/**/*/dev": {"apps/a/b/dev": true, "apps/a/dev": false},
	} {
		for name, want := range names {
			if got := matches(strings.Split(pattern, "/"), strings.Split(name, "/")); got != want {
				t.Errorf("matches(%s, %s) = %v", pattern, name, got)
			}
		}
	}
}

// The same pattern finds the same by the API, by Git and in a directory.
func TestPatterns(t *testing.T) {
	files := infra(0)
	other := "resources: [../../../shop/base]\n"
	files["apps/deep/er/overlays/dev/kustomization.yml"] = forgetest.File{Mode: 0o100644, Text: strings.Replace(other, "../../../", "../../../../", 1)}
	files["apps/other/overlays/dev/kustomization.yaml"] = forgetest.File{Mode: 0o100644, Text: "configMapGenerator: [{name: x, literals: [a=b]}]\n"}
	want := []string{"apps/deep/er/overlays/dev/kustomization.yml", devFile}
	hub, bare := forgetest.New(t, files), gittest.Bare(t, files)
	directory := gitOptions(gittest.Clone(t, bare))
	directory.Mode, directory.Backend = None, Auto
	for name, o := range map[string]Options{API: apiOptions(hub), Git: gitOptions(gittest.Serve(t, bare).URL), None: directory} {
		o.Images, o.Paths = []string{"reg.example/app:v2"}, []string{"apps/**/overlays/dev"}
		if res := mustRun(t, o); !slices.Equal(res.Files, want) {
			t.Errorf("%s: files %q, want %q", name, res.Files, want)
		}
	}
	if n := hub.Asked(); n > 5 {
		t.Errorf("%d requests", n)
	}
	o := apiOptions(hub, "reg.example/app:v3")
	for pattern, why := range map[string]string{"nowhere/**": "no directory with a kustomization matches", "apps/[": "is no pattern"} {
		o.Paths = []string{pattern}
		if _, err := Run(t.Context(), o); exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v", pattern, err)
		}
	}
}

// In a checkout paths are meant from where one stands, and may go up as long as they stay in it.
func TestPaths_FromWhereOneStands(t *testing.T) {
	checkout, _ := newRepo(t)
	stand := filepath.Join(checkout, "docs", "en")
	if err := os.MkdirAll(stand, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"../../overlays/dev", "../../overlays/*", filepath.Join(checkout, "overlays", "dev")} {
		o := options("", "reg.example/app:v2")
		o.Dir, o.Paths, o.Mode, o.DryRun = stand, []string{dir}, None, true
		if res := mustRun(t, o); !slices.Equal(res.Files, []string{"overlays/dev/kustomization.yaml"}) {
			t.Errorf("%s: %+v", dir, res)
		}
	}
	for _, dir := range []string{"../../../elsewhere", "/etc", "../../.."} {
		o := options("", "reg.example/app:v2")
		o.Dir, o.Paths, o.Mode = stand, []string{dir}, None
		if _, err := Run(t.Context(), o); exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), "outside the checkout") {
			t.Errorf("%s: %v", dir, err)
		}
	}
}
