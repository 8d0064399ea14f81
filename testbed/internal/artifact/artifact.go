// Package artifact builds what a test bed is made of, once.
//
// An artifact is a directory of files together with everything that decides
// what is in it: its recipe and the artifacts it is made from. A hash over those
// is its key, and a [Store] keeps the directory under that key, outside of the
// checkout. What is in the store is never built again; what changes gets another
// key, so that nothing stale is ever used.
package artifact

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/buenhyden/hy-home/internal/engine"
)

// Artifact is one thing to build.
type Artifact struct {
	Name   string // unique; a file name: "kubernetes"
	Inputs []*Artifact
	Recipe string // all else that decides the contents: see [Recipe]
	// Turn names a queue. Artifacts of one queue are built one after another, as
	// two Go compilers beside each other take as long, and twice the memory.
	Turn string
	// Make fills dir, which is empty. path gives the directory of an input.
	Make func(ctx context.Context, dir string, path func(*Artifact) string, progress func(string)) error
}

// Key is what the contents depend on, in 16 hexadecimal digits.
func (a *Artifact) Key() string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n", a.Name, a.Recipe)
	for _, in := range a.Inputs {
		fmt.Fprintln(h, in.Name, in.Key())
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// Recipe hashes words and files into a recipe.
type Recipe struct{ b strings.Builder }

// Words adds text: a version, an option, a list of packages.
func (r *Recipe) Words(words ...string) *Recipe {
	for _, w := range words {
		fmt.Fprintf(&r.b, "%q\n", w)
	}
	return r
}

// Files adds the name and the contents of every file below fsys that want
// accepts; nil accepts all.
func (r *Recipe) Files(fsys fs.FS, want func(path string) bool) error {
	return fs.WalkDir(fsys, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || (want != nil && !want(path)) {
			return err
		}
		f, err := fsys.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		h := sha256.New()
		if _, err := io.Copy(h, f); err != nil {
			return err
		}
		fmt.Fprintf(&r.b, "%q %x\n", path, h.Sum(nil))
		return nil
	})
}

// String is the recipe's text.
func (r *Recipe) String() string { return r.b.String() }

// Graph returns the nodes that build the wanted artifacts, inputs first, leaving
// out what the store has and what is only needed for that. Nodes have the
// artifacts' names as IDs. extra is appended to the needs of every node.
func Graph(s *Store, want []*Artifact, extra ...string) []engine.Node {
	g := &graph{store: s, extra: extra, last: map[string]string{}, seen: map[string]bool{}}
	for _, a := range want {
		g.add(a)
	}
	return g.nodes
}

type graph struct {
	store *Store
	extra []string
	nodes []engine.Node
	last  map[string]string // queue -> the ID that stands last in it
	seen  map[string]bool
}

func (g *graph) add(a *Artifact) {
	if g.seen[a.Name] || g.store.Has(a) {
		return
	}
	g.seen[a.Name] = true
	needs := append([]string(nil), g.extra...)
	for _, in := range a.Inputs {
		g.add(in)
		if g.seen[in.Name] {
			needs = append(needs, in.Name)
		}
	}
	if a.Turn != "" {
		if before := g.last[a.Turn]; before != "" {
			needs = append(needs, before)
		}
		g.last[a.Turn] = a.Name
	}
	g.nodes = append(g.nodes, engine.Node{
		ID: a.Name, Lane: "build", Needs: needs,
		Run: func(ctx context.Context, progress func(string)) (engine.Outcome, error) {
			return g.store.Build(ctx, a, progress)
		},
	})
}
