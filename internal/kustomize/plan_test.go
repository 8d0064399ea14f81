package kustomize

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/buenhyden/hy-home/internal/exit"
)

// shop is an infrastructure repository: a base with a Rollout and a CronJob, an
// overlay over it.
const shop = `
-- base/kustomization.yaml --
resources: [rollout.yaml, job.yaml]
-- base/rollout.yaml --
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: backend}
spec:
  replicas: 3
  template:
    spec:
      initContainers:
      - {name: migrate, image: localhost:5001/shop/backend}
      containers:
      - {name: backend, image: "localhost:5001/shop/backend:latest"}
      - {name: proxy, image: envoy:v1}
-- base/job.yaml --
apiVersion: batch/v1
kind: CronJob
metadata: {name: clean}
spec:
  jobTemplate:
    spec:
      template:
        spec:
          containers:
          - {name: clean, image: "redis:7.0"}
-- overlays/dev/kustomization.yaml --
namespace: apps
resources:
- ../../base
images:
- name: localhost:5001/shop/backend
  newTag: v1 # deployed
`

func tempRepo(t testing.TB, archives ...string) *os.Root {
	t.Helper()
	dir := t.TempDir()
	for _, archive := range archives {
		for _, f := range txtar.Parse([]byte(archive)).Files {
			file := filepath.Join(dir, f.Name)
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, f.Data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root
}

// plan sets images in one directory, as most tests do.
func plan(root *os.Root, dir string, images ...Image) (Change, error) {
	return Set{Dirs: []string{dir}, Images: images}.Plan(root.FS())
}

func TestPlan_ProvesTheChange(t *testing.T) {
	root := tempRepo(t, shop)
	c, err := plan(root, "overlays/dev", mustParse(t, "localhost:5001/shop/backend=localhost:5001/shop/backend:v2@"+digest)...)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Files) != 1 || c.Files[0].Path != "overlays/dev/kustomization.yaml" || !c.Proven {
		t.Fatalf("Change = %+v", c)
	}
	if want := []string{"localhost:5001/shop/backend:v1"}; !slices.Equal(c.Old, want) {
		t.Errorf("Old = %q, want %q", c.Old, want)
	}
	if want := []string{"localhost:5001/shop/backend:v2@" + digest}; !slices.Equal(c.New, want) {
		t.Errorf("New = %q, want %q", c.New, want)
	}
	if !strings.Contains(c.Rendered, "\n-      - image: localhost:5001/shop/backend:v1\n") || strings.Contains(c.Rendered, "envoy:v2") {
		t.Errorf("Rendered:\n%s", c.Rendered)
	}
	if !strings.Contains(string(c.Files[0].After), "newTag: v2 # deployed\n") {
		t.Errorf("After:\n%s", c.Files[0].After)
	}
	if want := "-  newTag: v1 # deployed\n+  newName: localhost:5001/shop/backend\n+  newTag: v2 # deployed\n+  digest: " + digest + "\n"; !strings.HasSuffix(c.Diff, want) {
		t.Errorf("Diff:\n%s", c.Diff)
	}
	if now, _ := root.ReadFile(c.Files[0].Path); !bytes.Equal(now, c.Files[0].Before) {
		t.Error("Plan wrote the file")
	}
}

// kustomize edit set image backend=... adds an entry that matches nothing, and
// says nothing.
func TestPlan_RefusesAnImageThatNothingUses(t *testing.T) {
	root := tempRepo(t, shop)
	const want = `no-match: no container in overlays/dev uses image "backend"; it uses "envoy", "localhost:5001/shop/backend" and "redis": did you mean "localhost:5001/shop/backend"?`
	_, err := plan(root, "overlays/dev", mustParse(t, "backend=localhost:5001/shop/backend:v2")...)
	if exit.Code(err) != exit.BadInput || err.Error() != want {
		t.Errorf("err = %v\nwant  %s", err, want)
	}

	// Not even if the useless entry is there already.
	useless := "-- overlays/dev/kustomization.yaml --\nresources: [../../base]\nimages: [{name: backend, newTag: v2}]\n"
	_, err = plan(tempRepo(t, shop, useless), "overlays/dev", mustParse(t, "backend:v2")...)
	if exit.Code(err) != exit.BadInput || err.Error() != want {
		t.Errorf("err = %v\nwant  %s", err, want)
	}
}

func TestPlan_Unchanged(t *testing.T) {
	root := tempRepo(t, shop)
	for _, arg := range []string{
		"localhost:5001/shop/backend:v1", // as the entry says
		"envoy:v1",                       // as the manifest says: an entry would add nothing
	} {
		c, err := plan(root, "overlays/dev", mustParse(t, arg)...)
		if err != nil || c.Changed() {
			t.Errorf("Plan(%s) = %+v, %v", arg, c, err)
		}
	}
}

func TestPlan_SeveralImages(t *testing.T) {
	c, err := plan(tempRepo(t, shop), "./overlays/dev/", mustParse(t, "redis:7.2", "envoy=mirror.example/envoy:v2")...)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"mirror.example/envoy:v2", "redis:7.2"}; !slices.Equal(c.New, want) {
		t.Errorf("New = %q, want %q", c.New, want)
	}
}

func TestPlan_Refuses(t *testing.T) {
	for name, tc := range map[string]struct{ files, dir, image, want string }{
		"overridden by a later entry": {
			files: "-- overlays/dev/kustomization.yaml --\nresources: [../../base]\nimages:\n- name: envoy\n  newTag: v1\n- name: mirror\n  newTag: v9\n",
			image: "envoy=mirror:v2", want: `overlays/dev would still render "mirror:v9"`,
		},
		"was broken before": {
			files: "-- overlays/dev/kustomization.yaml --\nresources: [../../base]\npatches:\n- path: no-such-file.yaml\n",
			image: "envoy:v2", want: "already broken, before any change: overlays/dev does not render: ",
		},
		"does not render": {
			files: "-- overlays/dev/kustomization.yaml --\nresources: [../../base]\npatches:\n- path: no-such-file.yaml\n",
			image: "envoy:v2", want: "overlays/dev does not render: ",
		},
		"a base does not render": {
			files: "-- base/rollout.yaml --\nkind: [\n",
			image: "envoy:v2", want: "overlays/dev does not render: base/rollout.yaml: line 1",
		},
		"missing base": {
			files: "-- overlays/dev/kustomization.yaml --\nresources: [../nowhere]\n",
			image: "envoy:v2", want: `"../nowhere" is not in the repository`,
		},
		"remote base": {
			files: "-- overlays/dev/kustomization.yaml --\nresources: ['https://github.com/acme/shop//base?ref=v1']\n",
			image: "envoy:v2", want: "remote resources are not fetched",
		},
		"remote base in a base": {
			files: "-- base/kustomization.yaml --\nresources: ['github.com/acme/shop?ref=v1']\n",
			image: "envoy:v2", want: "base/kustomization.yaml: \"github.com/acme/shop?ref=v1\" is not in the repository",
		},
		"remote patch": {
			files: "-- overlays/dev/kustomization.yaml --\nresources: [../../base]\npatches:\n- path: http://127.0.0.1:1/patch.yaml\n",
			image: "envoy:v2", want: "remote files are not fetched",
		},
		"helm chart": {
			files: "-- overlays/dev/kustomization.yaml --\nresources: [../../base]\nhelmCharts:\n- name: x\n  repo: https://charts.example\n",
			image: "envoy:v2", want: "does not render",
		},
		"program as generator": {
			files: "-- overlays/dev/kustomization.yaml --\nresources: [../../base]\ngenerators: [run.yaml]\n-- overlays/dev/run.yaml --\napiVersion: v1\nkind: X\nmetadata:\n  name: x\n  annotations:\n    config.kubernetes.io/function: |\n      exec: {path: /bin/false}\n",
			image: "envoy:v2", want: "does not render",
		},
		"file above the repository": {
			files: "-- overlays/dev/kustomization.yaml --\nresources: [../../base]\nconfigMapGenerator: [{name: x, files: [../../../../../../etc/passwd]}]\n",
			image: "envoy:v2", want: "does not render",
		},
		"above the repository": {
			files: "-- overlays/dev/kustomization.yaml --\nresources: [../../../../etc]\n",
			image: "envoy:v2", want: "is not in the repository",
		},
		"no kustomization file": {dir: "overlays", image: "envoy:v2", want: "overlays: no kustomization.yaml there"},
		"two kustomization files": {
			files: "-- overlays/dev/kustomization.yml --\n{}\n",
			image: "envoy:v2", want: "there are 2: overlays/dev/kustomization.yaml, overlays/dev/kustomization.yml",
		},
		"no containers": {
			files: "-- overlays/dev/kustomization.yaml --\nconfigMapGenerator:\n- name: x\n  literals: [a=b]\n",
			image: "envoy:v2", want: "it has no containers at all",
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := tc.dir
			if dir == "" {
				dir = "overlays/dev"
			}
			_, err := plan(tempRepo(t, shop, tc.files), dir, mustParse(t, tc.image)...)
			if exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("err = %v\nwant bad input with %q", err, tc.want)
			}
		})
	}
}
