package kustomize

import (
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/buenhyden/hy-home/internal/exit"
)

func mapFS(archive string) fstest.MapFS {
	files := fstest.MapFS{}
	for _, f := range txtar.Parse([]byte(archive)).Files {
		files[f.Name] = &fstest.MapFile{Data: f.Data}
	}
	return files
}

const environments = `
-- base/kustomization.yml --
resources: [app.yaml, web.yaml]
-- base/app.yaml --
apiVersion: apps/v1
kind: Deployment
metadata: {name: app}
spec: {template: {spec: {containers: [{name: app, image: "reg.example/app:v1"}]}}}
-- base/web.yaml --
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {template: {spec: {containers: [{name: web, image: "reg.example/web:v1"}]}}}
-- dev/Kustomization --
resources: [../base]
-- prod/kustomization.yaml --
resources: [../base]
images:
- name: reg.example/app
  newTag: v2
-- cron/kustomization.yaml --
resources: [job.yaml]
-- cron/job.yaml --
apiVersion: batch/v1
kind: CronJob
metadata: {name: job}
spec: {jobTemplate: {spec: {template: {spec: {containers: [{name: job, image: "reg.example/job:v1"}]}}}}}
`

func changed(c Change) []string {
	var paths []string
	for _, f := range c.Files {
		paths = append(paths, f.Path)
	}
	return paths
}

func TestSet_SeveralDirectories(t *testing.T) {
	files := mapFS(environments)
	c, err := Set{Dirs: []string{"dev", "prod"}, Images: mustParse(t, "reg.example/app:v2", "reg.example/web:v3")}.Plan(files)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := changed(c), []string{"dev/Kustomization", "prod/kustomization.yaml"}; !slices.Equal(got, want) {
		t.Errorf("files %q, want %q", got, want)
	}
	if got, want := c.Old, []string{"reg.example/app:v1", "reg.example/app:v2", "reg.example/web:v1"}; !slices.Equal(got, want) {
		t.Errorf("old %q, want %q", got, want)
	}
	// A directory that renders the wanted images already stays as it is.
	c, err = Set{Dirs: []string{"dev", "prod"}, Images: mustParse(t, "reg.example/app:v2")}.Plan(files)
	if got, want := changed(c), []string{"dev/Kustomization"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("files %q, want %q (%v)", got, want, err)
	}
}

func TestSet_DirectoriesThatAPatternFound(t *testing.T) {
	s := Set{Dirs: []string{"cron", "dev", "prod"}, Images: mustParse(t, "reg.example/job:v2")}
	_, err := s.Plan(mapFS(environments))
	if want := `no container in dev uses image "reg.example/job"`; exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), want) {
		t.Errorf("err = %v, want bad input with %s", err, want)
	}
	s.Found = true
	c, err := s.Plan(mapFS(environments))
	if got, want := changed(c), []string{"cron/kustomization.yaml"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("files %q, want %q (%v)", got, want, err)
	}
}

// What does not render and was found by a pattern is left alone, with a word.
func TestSet_ABrokenDirectoryThatAPatternFound(t *testing.T) {
	files := mapFS(environments + "-- broken/kustomization.yaml --\nresources: [nowhere.yaml]\n")
	s := Set{Dirs: []string{"broken", "dev"}, Images: mustParse(t, "reg.example/app:v2")}
	if _, err := s.Plan(files); exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), "already broken") {
		t.Errorf("err = %v", err)
	}
	s.Found = true
	c, err := s.Plan(files)
	if got, want := changed(c), []string{"dev/Kustomization"}; err != nil || !slices.Equal(got, want) || len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], "broken does not render") {
		t.Errorf("files %q, want %q (%v); warnings %q", got, want, err, c.Warnings)
	}
	s.Dirs = []string{"broken"}
	if _, err := s.Plan(files); exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), "already broken") {
		t.Errorf("err = %v", err)
	}
}

func TestSet_AComponentIsProvenWhereItIsUsed(t *testing.T) {
	files := mapFS(environments + `
-- release/kustomization.yaml --
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
images:
- name: reg.example/app
  newTag: v1 # of all environments
-- prod/kustomization.yaml --
resources: [../base]
components: [../release]
`)
	s := Set{Dirs: []string{"release"}, Images: mustParse(t, "reg.example/app:v2")}
	_, err := s.Plan(files)
	if exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), "of a Component, name the overlays that use it") {
		t.Errorf("err = %v", err)
	}
	s.Render = []string{"prod"}
	c, err := s.Plan(files)
	if err != nil || !slices.Equal(changed(c), []string{"release/kustomization.yaml"}) || !strings.Contains(c.Diff, "+  newTag: v2 # of all environments\n") {
		t.Errorf("Plan = %+v, %v", c, err)
	}
	if !slices.Equal(c.New, []string{"reg.example/app:v2"}) {
		t.Errorf("new %q", c.New)
	}
	s.Render = []string{"dev"} // which does not use it
	if _, err = s.Plan(files); exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), "no-match") {
		t.Errorf("err = %v", err)
	}
}

func TestSet_FieldsOfCustomResourcesAndReplacements(t *testing.T) {
	files := mapFS(`
-- kustomization.yaml --
resources: [db.yaml, app.yaml]
configurations: [images.yaml]
replacements:
- source: {kind: Pod, name: app, fieldPath: "spec.containers.0.image", options: {delimiter: ":", index: 1}}
  targets: [{select: {kind: Pod}, fieldPaths: [metadata.labels.version]}]
-- images.yaml --
images:
- path: spec/imageName
  kind: Cluster
-- db.yaml --
apiVersion: postgresql.cnpg.io/v1
kind: Cluster
metadata: {name: db}
spec: {imageName: "reg.example/postgres:16"}
-- app.yaml --
apiVersion: v1
kind: Pod
metadata: {name: app, labels: {version: v1}}
spec: {containers: [{name: app, image: "reg.example/app:v1"}]}
`)
	c, err := Set{Dirs: []string{"."}, Images: mustParse(t, "reg.example/postgres:17", "reg.example/app:v2")}.Plan(files)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"\n+  imageName: reg.example/postgres:17\n", "\n+  - image: reg.example/app:v2\n"} {
		if !strings.Contains(c.Rendered, line) {
			t.Errorf("no %q in\n%s", line, c.Rendered)
		}
	}
}

func TestSet_AFileThatCannotBeSplicedIsWrittenByKustomize(t *testing.T) {
	files := mapFS(environments + "-- prod/kustomization.yaml --\nresources: [../base]\nimages: [{name: reg.example/app, newTag: v1}]\n")
	s := Set{Dirs: []string{"prod"}, Images: mustParse(t, "reg.example/web:v2")}
	c, err := s.Plan(files)
	if err != nil || len(c.Files) != 1 || len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], "flow style") {
		t.Fatalf("Plan = %+v, %v", c, err)
	}
	if !slices.Equal(c.New, []string{"reg.example/web:v2"}) {
		t.Errorf("new %q", c.New)
	}
	s.Strict = true
	if _, err = s.Plan(files); exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), "flow style") {
		t.Errorf("err = %v", err)
	}
}

func TestSet_Blind(t *testing.T) {
	files := mapFS("-- kustomization.yaml --\nresources: [not-at-hand]\nimages:\n- name: app\n  newTag: v1\n")
	s := Set{Dirs: []string{"."}, Images: mustParse(t, "app=*:v2")}
	if _, err := s.Plan(files); exit.Code(err) != exit.BadInput {
		t.Errorf("err = %v", err)
	}
	s.Blind = true
	c, err := s.Plan(files)
	if err != nil || c.Proven || !slices.Equal(c.Old, []string{"app:v1"}) || !slices.Equal(c.New, []string{"app:v2"}) || !c.Changed() {
		t.Errorf("Plan = %+v, %v", c, err)
	}
}

func TestReferences_NamesWhatIsNotKnownYet(t *testing.T) {
	files := mapFS(`
-- overlay/kustomization.yaml --
resources: [../base, https://example.com/x.yaml, "github.com/a/b?ref=v1", ../../outside]
patches: [{path: patches/a.yaml}, {patch: "a\nb"}]
configMapGenerator: [{name: x, files: [key=files/x]}]
-- base/kustomization.yaml --
resources: [../deeper, app.yaml]
`)
	known := map[string]bool{"overlay": true}
	ask := func() []string {
		return References(files, []string{"overlay"}, func(name string) bool {
			_, err := fs.Stat(files, name)
			return known[name] || err == nil && strings.HasPrefix(name, "overlay/") || strings.HasPrefix(name, "overlay/") && strings.Contains(name, "ustomization")
		})
	}
	if got, want := ask(), []string{"base", "overlay/files/x", "overlay/patches/a.yaml"}; !slices.Equal(got, want) {
		t.Errorf("unknown %q, want %q", got, want)
	}
	for _, name := range []string{"base", "base/kustomization.yaml", "base/kustomization.yml", "base/Kustomization", "base/app.yaml", "overlay/files/x", "overlay/patches/a.yaml"} {
		known[name] = true
	}
	if got, want := ask(), []string{"deeper"}; !slices.Equal(got, want) {
		t.Errorf("unknown %q, want %q", got, want)
	}
}
