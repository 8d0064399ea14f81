package gitrepo

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/gitrepo/gittest"
)

func TestUpdate_FromACheckout(t *testing.T) {
	bare := gittest.Bare(t, seed)
	checkout := gittest.Clone(t, bare)
	gittest.Git(t, checkout, "remote", "set-url", "origin", relative(t, checkout, bare))

	// An untracked and a changed file of the user must survive.
	write(t, filepath.Join(checkout, "mine.txt"), "mine", 0o644)
	write(t, filepath.Join(checkout, "dir/run.sh"), "changed", 0o755)
	r := open(t, options(checkout))
	got, err := r.Update(t.Context(), add("a"))
	if err != nil || !got.Changed {
		t.Fatalf("Update = %+v, %v", got, err)
	}
	if head := gittest.Git(t, checkout, "rev-parse", "HEAD"); head != got.Commit {
		t.Errorf("the checkout is at %s, want it brought forward to %s", head, got.Commit)
	}
	if text := read(t, filepath.Join(checkout, "dir/run.sh")); text != "changed" {
		t.Errorf("the user's change is gone: %q", text)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if left := gittest.Git(t, checkout, "for-each-ref", "refs/hyaction"); left != "" {
		t.Errorf("references are left: %s", left)
	}
	if _, err := os.Stat(filepath.Join(checkout, ".git", "FETCH_HEAD")); err == nil {
		t.Error("the user's FETCH_HEAD was written")
	}
}

func TestUpdate_LocalCommit(t *testing.T) {
	bare := gittest.Bare(t, seed)
	checkout := gittest.Clone(t, bare)
	o := options(checkout)
	o.Local = true
	got, err := open(t, o).Update(t.Context(), add("a"))
	if err != nil || !got.Changed || gittest.Git(t, checkout, "rev-parse", "HEAD") != got.Commit {
		t.Fatalf("Update = %+v, %v", got, err)
	}
	if n := gittest.Git(t, bare, "rev-list", "--count", "main"); n != "1" {
		t.Errorf("a local update was pushed")
	}
	write(t, filepath.Join(checkout, "counter.txt"), "work in progress", 0o644)
	if _, err := open(t, o).Update(t.Context(), add("b")); exit.Code(err) != exit.BadInput {
		t.Errorf("over uncommitted changes: %v, want bad input", err)
	}
}

func relative(t *testing.T, from, to string) string {
	t.Helper()
	rel, err := filepath.Rel(from, to)
	if err != nil {
		t.Fatal(err)
	}
	return rel
}

func write(t testing.TB, file, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
