package kustomize

import (
	"log"
	"os"
	"path/filepath"
	"sync"
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

// What kustomize thinks of old fields is nobody's news, and comes past whoever reads ours.
func TestRender_IsQuiet(t *testing.T) {
	heard := filepath.Join(t.TempDir(), "stderr")
	stderr, err := os.Create(heard)
	if err != nil {
		t.Fatal(err)
	}
	real := os.Stderr
	os.Stderr = stderr
	log.SetOutput(stderr)
	defer func() { os.Stderr = real; log.SetOutput(real) }()
	root := tempRepo(t, shop, "-- overlays/old/kustomization.yaml --\nbases: [../../base]\ncommonLabels: {a: b}\nvars:\n- name: X\n  objref: {kind: CronJob, name: clean, apiVersion: batch/v1}\n")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if _, err := Render(root, "overlays/old"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if os.Stderr != stderr || log.Writer() != stderr {
		t.Error("standard error is not what it was")
	}
	if text, err := os.ReadFile(heard); err != nil || len(text) > 0 {
		t.Errorf("kustomize was heard: %s, %v", text, err)
	}
}

// Who took os.Stderr during a render may still hand it to a process afterwards: it must not be
// closed, since its number would then be that of whatever is opened next.
func TestQuietly_LeavesOpenWhatOthersTook(t *testing.T) {
	var taken *os.File
	quietly(func() { taken = os.Stderr })
	if _, err := taken.WriteString("x"); err != nil {
		t.Error(err)
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
