package bumpimage

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/gitrepo/gittest"
	"github.com/buenhyden/hy-home/internal/run"
)

const shop = `
-- overlays/dev/kustomization.yaml --
resources: [app.yaml] # all of it
images:
- name: reg.example/app
  newTag: v1
-- overlays/dev/app.yaml --
apiVersion: v1
kind: Pod
metadata: {name: app}
spec:
  containers:
  - {name: app, image: reg.example/app}
`

// newRepo makes a bare repository of shop and a checkout of it.
func newRepo(t *testing.T) (checkout, bare string) {
	t.Helper()
	files := map[string]gittest.File{}
	for _, f := range txtar.Parse([]byte(shop)).Files {
		files[f.Name] = gittest.File{Mode: 0o100644, Text: string(f.Data)}
	}
	bare = gittest.Bare(t, files)
	return gittest.Clone(t, bare), bare
}

func options(repository string, images ...string) Options {
	return Options{
		Repository: repository, Paths: []string{"overlays/dev"}, Images: images,
		Mode: Push, Backend: Auto, API: "https://api.github.com",
		Author: "Bot <bot@example.com>", Runner: run.Exec{},
	}
}

func TestRun_PushesToABareRepository(t *testing.T) {
	_, bare := newRepo(t)
	res, err := Run(t.Context(), options(bare, "reg.example/app:v2"))
	if err != nil {
		t.Fatal(err)
	}
	if !res.Changed || res.Branch != "main" || res.Attempts != 1 || res.Commit != gittest.Git(t, bare, "rev-parse", "main") ||
		!slices.Equal(res.Old, []string{"reg.example/app:v1"}) || !slices.Equal(res.New, []string{"reg.example/app:v2"}) ||
		!slices.Equal(res.Files, []string{"overlays/dev/kustomization.yaml"}) || !strings.Contains(res.Rendered, "+  - image: reg.example/app:v2") {
		t.Errorf("Result = %+v", res)
	}
	if got := gittest.Git(t, bare, "log", "-1", "--format=%B", "main"); got != "overlays/dev: run app:v2\n\n- reg.example/app:v1\n+ reg.example/app:v2" {
		t.Errorf("message:\n%s", got)
	}
	if got := gittest.Git(t, bare, "diff", "--numstat", "main~", "main"); got != "1\t1\toverlays/dev/kustomization.yaml" {
		t.Errorf("more than one line changed: %s", got)
	}

	again, err := Run(t.Context(), options(bare, "reg.example/app:v2"))
	if err != nil || again.Changed || again.Commit != res.Commit || len(again.Files) != 0 {
		t.Errorf("second Run = %+v, %v; want unchanged", again, err)
	}
}

func TestRun_BadInputChangesNothing(t *testing.T) {
	checkout, bare := newRepo(t)
	if err := os.Symlink("dev", filepath.Join(checkout, "overlays/link")); err != nil {
		t.Fatal(err)
	}
	gittest.Git(t, checkout, "add", ".")
	gittest.Git(t, checkout, "commit", "--quiet", "--message=link")
	gittest.Git(t, checkout, "push", "--quiet", "origin", "main")
	before := gittest.Git(t, bare, "rev-parse", "main")
	for name, tc := range map[string]struct {
		change func(*Options)
		want   string
	}{
		"image not used":   {func(o *Options) { o.Images = []string{"app=reg.example/app:v2"} }, `no container in overlays/dev uses image "app"; it uses "reg.example/app"`},
		"no image":         {func(o *Options) { o.Images = nil }, "images is empty"},
		"bad tag":          {func(o *Options) { o.Images = []string{"reg.example/app:v 2"} }, "a tag has"},
		"twice":            {func(o *Options) { o.Images = []string{"reg.example/app:v2", "reg.example/app:v3"} }, "set twice"},
		"no directory":     {func(o *Options) { o.Paths = []string{"overlays/prod"} }, `"overlays/prod" does not exist`},
		"outside":          {func(o *Options) { o.Paths = []string{"../etc"} }, "leads out of the repository"},
		"link":             {func(o *Options) { o.Paths = []string{"overlays/link"} }, "symbolic link"},
		"a file":           {func(o *Options) { o.Paths = []string{"overlays/dev/app.yaml"} }, "is a file"},
		"no kustomization": {func(o *Options) { o.Paths = []string{"overlays"} }, "no kustomization.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(bare, "reg.example/app:v2")
			tc.change(&o)
			_, err := Run(t.Context(), o)
			if exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("err = %v, want bad input with %q", err, tc.want)
			}
		})
	}
	if after := gittest.Git(t, bare, "rev-parse", "main"); after != before {
		t.Error("a refused bump made a commit")
	}
}

func TestRun_DryRun(t *testing.T) {
	_, bare := newRepo(t)
	before := gittest.Git(t, bare, "rev-parse", "main")
	o := options(bare, "reg.example/app:v2")
	o.DryRun = true
	res, err := Run(t.Context(), o)
	if err != nil || !res.Changed || res.Diff == "" || res.Commit != before {
		t.Errorf("Run = %+v, %v", res, err)
	}
	if gittest.Git(t, bare, "rev-parse", "main") != before {
		t.Error("a dry run pushed")
	}
}

func TestRun_WithoutPush(t *testing.T) {
	checkout, bare := newRepo(t)
	o := options(checkout, "reg.example/app:v2")
	o.Commit, o.Message = true, "by hand"
	res, err := Run(t.Context(), o)
	if err != nil || !res.Changed || gittest.Git(t, checkout, "log", "-1", "--format=%H %s") != res.Commit+" by hand" {
		t.Errorf("Run = %+v, %v", res, err)
	}
	if gittest.Git(t, bare, "rev-parse", "main") == res.Commit {
		t.Error("the commit was pushed")
	}
}

func TestShort(t *testing.T) {
	for ref, want := range map[string]string{
		"localhost:5001/shop/app:v2":                     "app:v2",
		"app:v2@sha256:0123456789abcdef":                 "app:v2",
		"reg.example/app@sha256:0123456789abcdef0123456": "app@sha256:0123456789ab",
		"app": "app",
	} {
		if got := short(ref); got != want {
			t.Errorf("short(%q) = %q, want %q", ref, got, want)
		}
	}
}
