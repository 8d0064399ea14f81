// Package gittree shows the tree of one Git commit as a file system whose pieces are
// brought as they are needed, from wherever a [Source] has them: an API, or Git's own
// object store. What is known is never asked for again.
package gittree

import (
	"context"
	"crypto/sha1" //nolint:gosec // Git names a file's contents by SHA-1; it is compared with that name, and protects nothing
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
)

// Git's modes of entries.
const (
	ModeDir        int64 = 0o040000
	ModeFile       int64 = 0o100644
	ModeExecutable int64 = 0o100755
	ModeLink       int64 = 0o120000
	ModeModule     int64 = 0o160000 // a submodule: a commit of another repository
)

// Entry is what stands at a path.
type Entry struct {
	Name    string
	Mode    int64  // 0 is nothing at all
	OID     string // Git's name of the object
	Text    []byte // of a file or link
	HasText bool   // else it is fetched by its OID once it is read
	Entries []Entry
}

// Source brings pieces of one commit.
type Source interface {
	// Entries gives what stands at paths, in their order, "." being the top: a file with
	// its text, a directory with what is in it and the texts of those that are files.
	Entries(ctx context.Context, paths []string) ([]Entry, error)
	// Blob gives a file's contents.
	Blob(ctx context.Context, oid string) ([]byte, error)
	// List gives the paths of all files below a directory, whose OID comes along.
	List(ctx context.Context, dir, oid string) ([]string, error)
}

// Tree is the tree of one commit. It is an [io/fs.ReadLinkFS], safe for concurrent use.
type Tree struct {
	source Source
	ctx    context.Context // of whoever reads; fs.FS has no place for it

	mu    sync.Mutex
	nodes map[string]*node
	asked []string
}

// node is what is known at a path.
type node struct {
	Entry
	whole bool // the text, or the directory's names with their texts, are there
}

// New is a tree of which nothing is known yet.
func New(ctx context.Context, source Source) *Tree {
	return &Tree{source: source, ctx: ctx, nodes: map[string]*node{}}
}

// Asked are the paths that were brought, for whoever reads the next commit.
func (t *Tree) Asked() []string { return slices.Clone(t.asked) }

// Mode is what Git has at a path; 0 if nothing is known there.
func (t *Tree) Mode(name string) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := t.known(name); n != nil {
		return n.Mode
	}
	return 0
}

// Known tells whether opening a path asks nothing more.
func (t *Tree) Known(name string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.known(t.resolved(path.Clean(name)))
	return n != nil && n.whole
}

// Load brings paths in one step: of a directory its files, too.
func (t *Tree) Load(ctx context.Context, names ...string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var missing []string
	for _, name := range names {
		name = t.resolved(path.Clean(name))
		if n := t.known(name); n == nil || !n.whole {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing)
	return t.load(ctx, slices.Compact(missing))
}

// Files lists the paths of all files below a directory; none if it is not there.
func (t *Tree) Files(ctx context.Context, dir string) ([]string, error) {
	t.mu.Lock()
	n := t.known(path.Clean(dir))
	if n == nil {
		if err := t.load(ctx, []string{path.Clean(dir)}); err != nil {
			t.mu.Unlock()
			return nil, err
		}
		n = t.known(path.Clean(dir))
	}
	t.mu.Unlock()
	if n.Mode != ModeDir {
		return nil, nil
	}
	return t.source.List(ctx, dir, n.OID)
}

// Put keeps what a source gave for paths.
func (t *Tree) Put(names []string, entries []Entry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.put(names, entries)
}

func (t *Tree) load(ctx context.Context, names []string) error {
	entries, err := t.source.Entries(ctx, names)
	if err != nil {
		return err
	}
	t.put(names, entries)
	return nil
}

func (t *Tree) put(names []string, entries []Entry) {
	for i, name := range names {
		t.asked = append(t.asked, name)
		t.keep(name, entries[i], true)
		// No source follows links: what is above is directories.
		for dir := path.Dir(name); entries[i].Mode != 0 && dir != "." && t.nodes[dir] == nil; dir = path.Dir(dir) {
			t.nodes[dir] = &node{Entry: Entry{Mode: ModeDir}}
		}
	}
}

// keep puts an entry and what came with it. Of a directory below the one that was asked for
// nothing but the name has come.
func (t *Tree) keep(name string, e Entry, top bool) {
	n := &node{Entry: e}
	t.nodes[name] = n
	switch e.Mode {
	case 0, ModeModule:
		n.whole = true
	case ModeDir:
		n.whole = top
		for _, child := range e.Entries {
			t.keep(path.Join(name, child.Name), child, false)
		}
	default:
		n.whole = e.HasText
	}
}

// known finds what is known of a path; nil if nothing.
func (t *Tree) known(name string) *node {
	nothing := &node{whole: true}
	if n := t.nodes[name]; n != nil {
		return n
	}
	for dir := name; dir != "."; {
		dir = path.Dir(dir)
		n := t.nodes[dir]
		if n == nil {
			continue
		}
		if n.Mode != ModeDir && n.Mode != ModeLink {
			return nothing // below a file, or what is missing
		}
		first, _, _ := strings.Cut(strings.TrimPrefix(name, strings.TrimPrefix(dir+"/", "./")), "/")
		if n.Mode == ModeDir && n.whole && !slices.ContainsFunc(n.Entries, func(e Entry) bool { return e.Name == first }) {
			return nothing
		}
		return nil
	}
	return nil
}

// BlobID is Git's name for a file's contents.
func BlobID(text []byte) string {
	h := sha1.New() //nolint:gosec // Git's name for the contents, as at the import
	fmt.Fprintf(h, "blob %d\x00", len(text))
	h.Write(text)
	return hex.EncodeToString(h.Sum(nil))
}
