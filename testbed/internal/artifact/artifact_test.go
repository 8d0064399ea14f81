package artifact

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/buenhyden/hy-home/internal/engine"
)

// written is an artifact that holds one file with the given text and those of
// its inputs, and counts how often it is made.
func written(name, text string, made *atomic.Int32, inputs ...*Artifact) *Artifact {
	return &Artifact{
		Name: name, Recipe: text, Inputs: inputs, Turn: "t",
		Make: func(_ context.Context, dir string, path func(*Artifact) string, _ func(string)) error {
			made.Add(1)
			for _, in := range inputs {
				data, err := os.ReadFile(filepath.Join(path(in), "text"))
				if err != nil {
					return err
				}
				text += string(data)
			}
			return os.WriteFile(filepath.Join(dir, "text"), []byte(text), 0o644)
		},
	}
}

func up(t *testing.T, s *Store, want ...*Artifact) []string {
	t.Helper()
	nodes := Graph(s, want)
	if _, err := engine.Run(t.Context(), nodes, engine.Options{}); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, n := range nodes {
		ids = append(ids, n.ID)
	}
	return ids
}

func TestGraph_BuildsOnceAndOnlyWhatIsNeeded(t *testing.T) {
	s := &Store{Dir: t.TempDir()}
	var made atomic.Int32
	base := written("base", "b", &made)
	top := written("top", "t", &made, base)
	if got, want := up(t, s, top, base), []string{"base", "top"}; !reflect.DeepEqual(got, want) {
		t.Errorf("first run has nodes %q, want %q", got, want)
	}
	if text, err := os.ReadFile(filepath.Join(s.Path(top), "text")); string(text) != "tb" || err != nil {
		t.Errorf("top holds %q, %v", text, err)
	}
	if got := up(t, s, top, base); len(got) != 0 {
		t.Errorf("second run has nodes %q, want none", got)
	}
	// What was only needed for something that exists is not made again.
	if err := os.RemoveAll(s.Path(base)); err != nil {
		t.Fatal(err)
	}
	if got := up(t, s, top); len(got) != 0 {
		t.Errorf("run without base has nodes %q, want none", got)
	}
	if made.Load() != 2 {
		t.Errorf("made %d times, want 2", made.Load())
	}
}

func TestKey_ChangesWithAnInput(t *testing.T) {
	var made atomic.Int32
	a := written("top", "t", &made, written("base", "1", &made))
	b := written("top", "t", &made, written("base", "2", &made))
	if a.Key() == b.Key() {
		t.Error("two different inputs give one key")
	}
}

func TestBuild_LeavesNothingOfAFailure(t *testing.T) {
	s := &Store{Dir: t.TempDir()}
	broken := errors.New("no space")
	a := &Artifact{Name: "a", Make: func(_ context.Context, dir string, _ func(*Artifact) string, _ func(string)) error {
		if err := os.WriteFile(filepath.Join(dir, "half"), nil, 0o644); err != nil {
			return err
		}
		return broken
	}}
	if _, err := s.Build(t.Context(), a, func(string) {}); !errors.Is(err, broken) {
		t.Errorf("Build = %v, want %v", err, broken)
	}
	entries, err := os.ReadDir(s.Dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".lock") {
			t.Errorf("%s is left over", e.Name())
		}
	}
}

func TestBuild_TwoAtOnceMakeItOnce(t *testing.T) {
	s := &Store{Dir: t.TempDir()}
	var made atomic.Int32
	a := written("a", "x", &made)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if _, err := s.Build(t.Context(), a, func(string) {}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if made.Load() != 1 {
		t.Errorf("made %d times, want once", made.Load())
	}
}

func TestBuild_KeepsTheVersionBefore(t *testing.T) {
	s := &Store{Dir: t.TempDir()}
	var made atomic.Int32
	other := written("a-b", "other", &made)
	up(t, s, other)
	var versions []*Artifact
	for i, text := range []string{"1", "2", "3"} {
		a := written("a", text, &made)
		up(t, s, a)
		// Directories made within one tick of the clock have no order.
		at := timeOf(i)
		if err := os.Chtimes(s.Path(a), at, at); err != nil {
			t.Fatal(err)
		}
		versions = append(versions, a)
	}
	up(t, s, written("a", "4", &made))
	for i, want := range []bool{false, false, true} {
		if got := s.Has(versions[i]); got != want {
			t.Errorf("version %d is there: %v, want %v", i+1, got, want)
		}
	}
	if !s.Has(other) {
		t.Error("an artifact whose name begins the same is gone")
	}
}

func TestRecipe_NamesFilesAndContents(t *testing.T) {
	recipe := func(fsys fstest.MapFS) string {
		var r Recipe
		if err := r.Words("v1").Files(fsys, func(p string) bool { return p != "ignored" }); err != nil {
			t.Fatal(err)
		}
		return r.String()
	}
	base := recipe(fstest.MapFS{"a": {Data: []byte("1")}, "ignored": {Data: []byte("1")}})
	for what, other := range map[string]fstest.MapFS{
		"another text": {"a": {Data: []byte("2")}},
		"another name": {"b": {Data: []byte("1")}},
		"another file": {"a": {Data: []byte("1")}, "b": {}},
	} {
		if recipe(other) == base {
			t.Errorf("%s gives the same recipe", what)
		}
	}
	if recipe(fstest.MapFS{"a": {Data: []byte("1")}, "ignored": {Data: []byte("2")}}) != base {
		t.Error("an ignored file changes the recipe")
	}
}

func timeOf(i int) time.Time { return time.Unix(int64(i), 0) }
