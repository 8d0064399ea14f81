package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/buenhyden/hy-home/internal/spec"
)

const root = "../../.."

// TestRepository_IsUpToDate fails when a generated file is not what the
// declarations say.
func TestRepository_IsUpToDate(t *testing.T) {
	files, err := repositoryFiles(root, spec.All())
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range files {
		have, err := os.ReadFile(filepath.Join(root, path))
		if err != nil || !bytes.Equal(have, want) {
			t.Errorf("%s is out of date: run go generate ./internal/spec", path)
		}
	}
}

func TestReleaseTree_ReachesTheSameBootstrap(t *testing.T) {
	files, err := releaseFiles(spec.All())
	if err != nil {
		t.Fatal(err)
	}
	yml := files[filepath.Join("bump-image", "action.yml")]
	if want := []byte(`exec "$GITHUB_ACTION_PATH/../actions/lib/bootstrap.sh" bump-image`); !bytes.Contains(yml, want) {
		t.Errorf("bump-image/action.yml of a release lacks %s:\n%s", want, yml)
	}
	if _, ok := files["action.yml"]; ok {
		t.Error("the root's action.yml is on every branch: a release adds nothing to it")
	}
}

func TestReplaceBetween(t *testing.T) {
	got, err := replaceBetween([]byte("a\n<b>\nold\n</b>\nz\n"), "<b>", "</b>", "new\n")
	if want := "a\n<b>\nnew\n</b>\nz\n"; err != nil || string(got) != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	for _, doc := range []string{"nothing", "<b> only", "</b> before <b>", "<b></b><b></b>"} {
		if _, err := replaceBetween([]byte(doc), "<b>", "</b>", "new"); err == nil {
			t.Errorf("%q: no error", doc)
		}
	}
}

func TestCell_StaysInItsCell(t *testing.T) {
	if got, want := cell("a|b\nc <d> **"), `a\|b c &lt;d> \*\*`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
