package kustomize

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/kustomize/api/krusty/localizer"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	sigsyaml "sigs.k8s.io/yaml"
)

// fetched is a [tree] beside what kustomize itself brings where it may: it clones a remote base
// into a directory of the system's temporary one, reads that through the file system that it was
// given, and removes it. Nothing else of the disk is shown. What a clone names has to lie in it.
type fetched struct {
	*tree
	disk   filesys.FileSystem
	clones string             // what the paths of clones begin with
	copy   filesys.FileSystem // holds what is below copyDir; nil for none
	seen   map[string]bool    // the clones that were looked at; nil takes no notes
}

func newFetched(t *tree) (fetched, error) {
	t.remote = true
	temp, err := filepath.EvalSymlinks(os.TempDir()) // as kustomize writes it
	return fetched{tree: t, disk: filesys.MakeFsOnDisk(), clones: filepath.Join(temp, "kustomize-")}, err
}

// copyDir is no name that a repository has at its top.
const copyDir = "/.hyaction-copy"

// local is a directory in memory with all that it names, wherever that lies, so that it is
// brought once and rendered as often as need be.
type local struct {
	filesys.FileSystem
	dir string
}

// localize makes one, as `kustomize localize` does. There is none of what that cannot take, such
// as a place in another repository without a ref; then each render brings it anew.
func localize(files fs.FS, dir string) (local, bool) {
	f, err := newFetched(newTree(files, nil))
	if err != nil {
		return local{}, false
	}
	f.copy, f.seen = filesys.MakeFsInMemory(), map[string]bool{}
	others, _ := filepath.Glob(f.clones + "*")
	quietly(func() { _, err = localizer.Run(f, path.Join("/", dir), "/", copyDir) })
	for clone := range f.seen { // it leaves one behind where it finds no ref
		if !slices.Contains(others, clone) {
			_ = f.disk.RemoveAll(clone)
		}
	}
	return local{f.copy, dir}, err == nil
}

// render builds it with the images of other texts of its kustomization files, which differ in
// nothing else.
func (l local) render(texts map[string][]byte) ([]*unstructured.Unstructured, error) {
	for name, text := range texts {
		at := path.Join(copyDir, name)
		have, err := l.ReadFile(at)
		if err != nil {
			continue // of another directory
		}
		var k, wanted types.Kustomization
		if err := k.Unmarshal(have); err != nil {
			return nil, err
		}
		if err := wanted.Unmarshal(text); err != nil {
			return nil, err
		}
		k.Images = wanted.Images
		if have, err = sigsyaml.Marshal(k); err != nil {
			return nil, err
		}
		if err := l.WriteFile(at, have); err != nil {
			return nil, err
		}
	}
	return build(l, path.Join(copyDir, l.dir), l.dir)
}

// at is what holds a path.
func (f fetched) at(p string) filesys.FileSystem {
	switch p = filepath.Clean(p); {
	case strings.HasPrefix(p, f.clones):
		if f.seen != nil {
			name, _, _ := strings.Cut(p[len(f.clones):], string(filepath.Separator))
			f.seen[f.clones+name] = true
		}
		return f.disk
	case f.copy != nil && strings.HasPrefix(p, copyDir):
		return f.copy
	}
	return f.tree
}

// Exists implements [filesys.FileSystem], as do the methods below.
func (f fetched) Exists(p string) bool { return f.at(p).Exists(p) }

func (f fetched) IsDir(p string) bool { return f.at(p).IsDir(p) }

func (f fetched) CleanedAbs(p string) (filesys.ConfirmedDir, string, error) {
	return f.at(p).CleanedAbs(p)
}

func (f fetched) ReadFile(p string) ([]byte, error) { return f.at(p).ReadFile(p) }

func (f fetched) ReadDir(p string) ([]string, error) { return f.at(p).ReadDir(p) }

func (f fetched) Glob(pattern string) ([]string, error) { return f.at(pattern).Glob(pattern) }

func (f fetched) RemoveAll(p string) error { return f.at(p).RemoveAll(p) }

func (f fetched) Mkdir(p string) error { return f.at(p).Mkdir(p) }

func (f fetched) MkdirAll(p string) error { return f.at(p).MkdirAll(p) }

func (f fetched) WriteFile(p string, text []byte) error { return f.at(p).WriteFile(p, text) }
