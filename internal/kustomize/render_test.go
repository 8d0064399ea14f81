package kustomize

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/buenhyden/hy-home/internal/exit"
)

// A link inside the repository must not let a rendered manifest quote the host's files.
func TestRender_StaysInside(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: secret}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	root := tempRepo(t, "-- kustomization.yaml --\nresources: [link.yaml]\n")
	if err := root.Symlink(outside, "link.yaml"); err != nil {
		t.Fatal(err)
	}
	objects, err := Render(root, ".")
	if exit.Code(err) != exit.BadInput {
		t.Errorf("Render = %v, %v; want bad input", objects, err)
	}
}

func TestRender_NumbersSurvive(t *testing.T) {
	objects, err := Render(tempRepo(t, shop), "overlays/dev")
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range objects {
		copied := o.DeepCopy() // panics on a plain int
		if o.GetKind() != "Rollout" {
			continue
		}
		if n := copied.Object["spec"].(map[string]any)["replicas"]; n != int64(3) || o.GetNamespace() != "apps" {
			t.Errorf("replicas = %T %v in namespace %q", n, n, o.GetNamespace())
		}
	}
}
