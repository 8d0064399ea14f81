package kustomize

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/gitrepo/gittest"
)

// A base in another repository and a file on a web server are part of the proof where that is
// allowed, and nothing of them stays on the disk.
func TestSet_Remote(t *testing.T) {
	base := gittest.Bare(t, map[string]gittest.File{
		"base/kustomization.yaml":  {Mode: 0o100644, Text: "resources: [app.yaml]\n"},
		"base/app.yaml":            {Mode: 0o100644, Text: "apiVersion: v1\nkind: Pod\nmetadata: {name: app}\nspec: {containers: [{name: app, image: \"reg.example/app:v1\"}]}\n"},
		"bad/kustomization.yaml":   {Mode: 0o100644, Text: "configMapGenerator: [{name: x, files: [/etc/passwd]}]\n"},
		"worse/kustomization.yaml": {Mode: 0o100644, Text: "resources: [../../../overlays/dev]\n"},
	})
	asked := 0
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		_, _ = io.WriteString(w, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: there}\n")
	}))
	defer web.Close()
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	overlay := func(dir string) *os.Root {
		return tempRepo(t, "-- overlays/dev/kustomization.yaml --\nresources:\n- file://"+base+"//"+dir+"?ref=main\n- "+web.URL+"/there.yaml\n")
	}
	set := Set{Dirs: []string{"overlays/dev"}, Images: mustParse(t, "reg.example/app:v2")}
	if _, err := set.Plan(overlay("base").FS()); exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), "remote resources are not fetched") {
		t.Errorf("without being allowed: %v", err)
	}
	set.Remote = true
	c, err := set.Plan(overlay("base").FS())
	if err != nil || !c.Proven || !slices.Equal(c.New, []string{"reg.example/app:v2"}) || !strings.HasSuffix(string(c.Files[0].After), "images:\n- name: reg.example/app\n  newTag: v2\n") {
		t.Errorf("Plan = %+v, %v", c, err)
	}
	if asked != 1 {
		t.Errorf("what lies elsewhere was brought %d times", asked)
	}
	there, ok := localize(overlay("base").FS(), "overlays/dev")
	once, err := there.render(nil)
	anew, failed := render(newTree(overlay("base").FS(), nil), "overlays/dev", true)
	if err != nil || failed != nil || !ok || len(once) != 2 || !reflect.DeepEqual(once, anew) {
		t.Errorf("brought once: %v, %v; brought anew: %v, %v", once, err, anew, failed)
	}
	unnamed := tempRepo(t, "-- overlays/dev/kustomization.yaml --\nresources:\n- file://"+base+"//base\n- "+web.URL+"/there.yaml\n")
	if c, err := set.Plan(unnamed.FS()); err != nil || !slices.Equal(c.New, []string{"reg.example/app:v2"}) {
		t.Errorf("without a ref: %+v, %v", c, err)
	}
	for _, dir := range []string{"bad", "worse"} {
		if _, err := set.Plan(overlay(dir).FS()); exit.Code(err) != exit.BadInput {
			t.Errorf("%s, which leads out of its clone: %v", dir, err)
		}
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
