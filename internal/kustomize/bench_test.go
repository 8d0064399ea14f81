package kustomize

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/buenhyden/hy-home/internal/testkit"
)

// The ways to make one small edit in a file of about 110 lines: ours without and with the
// check against kustomize's command, and that command alone, as a library and as a program.
func BenchmarkEdit(b *testing.B) {
	var file bytes.Buffer
	file.WriteString("resources:\n")
	for range 60 {
		file.WriteString("- apps/some-service/deployment.yaml # why\n")
	}
	file.WriteString("images:\n")
	for i := range 16 {
		name := "ghcr.io/acme/service-" + string(rune('a'+i))
		file.WriteString("- name: " + name + "\n  newName: " + name + "\n  newTag: v1\n")
	}
	images := mustParse(b, "ghcr.io/acme/service-k=ghcr.io/acme/service-k:v2")
	b.Run("splice", func(b *testing.B) {
		for b.Loop() {
			doc, err := parse(file.Bytes())
			if err != nil {
				b.Fatal(err)
			}
			e := editor{src: newSource(file.Bytes())}
			if err := e.document(doc, images); err != nil {
				b.Fatal(err)
			}
			if _, err := e.src.apply(e.edits); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("splice-checked", func(b *testing.B) {
		for b.Loop() {
			if _, err := Edit(file.Bytes(), images...); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("kustomize-library", func(b *testing.B) {
		for b.Loop() {
			if _, err := kustomizeEdit(file.Bytes(), images); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("kustomize-program", func(b *testing.B) {
		program, dir := testkit.Tool(b, "kustomize"), b.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), file.Bytes(), 0o644); err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			cmd := exec.Command(program, "edit", "set", "image", images[0].String())
			cmd.Dir = dir
			if out, err := cmd.CombinedOutput(); err != nil {
				b.Fatalf("%v: %s", err, out)
			}
		}
	})
}

func BenchmarkPlan(b *testing.B) {
	root := tempRepo(b, shop)
	images := mustParse(b, "localhost:5001/shop/backend:v2")
	for b.Loop() {
		if _, err := plan(root, "overlays/dev", images...); err != nil {
			b.Fatal(err)
		}
	}
}
