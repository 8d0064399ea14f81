package kustomize

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// tree shows files to kustomize, read-only, as if they were the whole disk: nothing
// outside can be reached, by ".." or absolute path, nor by symbolic link if files
// are those of an [os.Root]. It refuses each kustomization file that points at a
// remote place, since kustomize would fetch it (with git or over HTTP) before anyone
// could say no; unless that was said to be allowed.
type tree struct {
	filesys.FileSystem // an empty one, for the verbs that make no sense here
	files              fs.FS
	overrides          map[string][]byte // by path from the root: texts that differ from the disk
	refused            error             // kustomize drops what ReadFile says of a kustomization file
	remote             bool              // what is not in the tree may be fetched, see [fetched]
}

func newTree(files fs.FS, overrides map[string][]byte) *tree {
	return &tree{FileSystem: filesys.MakeEmptyDirInMemory(), files: files, overrides: overrides}
}

// rel is p from the root, "." being the root itself.
func rel(p string) string {
	return path.Join(".", strings.TrimPrefix(path.Clean("/"+filepath.ToSlash(p)), "/"))
}

func (t *tree) stat(p string) (fs.FileInfo, error) { return fs.Stat(t.files, rel(p)) }

// Exists implements [filesys.FileSystem], as do the methods below.
func (t *tree) Exists(p string) bool {
	_, err := t.stat(p)
	return err == nil
}

func (t *tree) IsDir(p string) bool {
	info, err := t.stat(p)
	return err == nil && info.IsDir()
}

func (t *tree) CleanedAbs(p string) (filesys.ConfirmedDir, string, error) {
	info, err := t.stat(p)
	if err != nil {
		return "", "", err
	}
	abs := path.Join("/", rel(p))
	if info.IsDir() {
		return filesys.ConfirmedDir(abs), "", nil
	}
	return filesys.ConfirmedDir(path.Dir(abs)), path.Base(abs), nil
}

func (t *tree) ReadFile(p string) ([]byte, error) {
	name := rel(p)
	text, ok := t.overrides[name]
	if !ok {
		info, err := fs.Stat(t.files, name)
		if err != nil {
			return nil, err
		}
		if !info.Mode().IsRegular() { // a pipe would block for ever
			return nil, fmt.Errorf("%s is not a regular file", name)
		}
		if text, err = fs.ReadFile(t.files, name); err != nil {
			return nil, err
		}
	}
	if IsFile(name) && !t.remote {
		if err := t.localOnly(name, text); err != nil {
			t.refused = errors.Join(t.refused, err)
			return nil, err
		}
	}
	return text, nil
}

func (t *tree) ReadDir(p string) ([]string, error) {
	entries, err := fs.ReadDir(t.files, rel(p))
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}

func (t *tree) Glob(pattern string) ([]string, error) {
	matches, err := fs.Glob(t.files, rel(pattern))
	for i := range matches {
		matches[i] = "/" + matches[i]
	}
	return matches, err
}

// localOnly refuses a kustomization file with an entry that is not a path in the tree.
func (t *tree) localOnly(name string, text []byte) error {
	var k types.Kustomization
	if k.Unmarshal(text) != nil {
		return nil // kustomize says it better
	}
	dir := path.Dir(name)
	for _, entry := range slices.Concat(k.Resources, k.Bases, k.Components) {
		// A path, a URL and the likes of github.com/owner/repo?ref=x look alike;
		// what is not in the tree is remote or missing, and wrong either way.
		if !t.Exists(path.Join("/", dir, entry)) {
			return fmt.Errorf("%s: %q is not in the repository, and remote resources are not fetched", name, entry)
		}
	}
	for _, entry := range filePaths(k) {
		if strings.Contains(entry, "://") {
			return fmt.Errorf("%s: %q is remote, and remote files are not fetched", name, entry)
		}
	}
	return nil
}

// filePaths are the fields from which kustomize would load a URL over HTTP.
func filePaths(k types.Kustomization) []string {
	paths := slices.Concat(k.Crds, k.Configurations, k.Generators, k.Transformers, k.Validators)
	for _, p := range k.PatchesStrategicMerge {
		if !strings.Contains(string(p), "\n") { // else it is the patch itself
			paths = append(paths, string(p))
		}
	}
	for _, p := range slices.Concat(k.Patches, k.PatchesJson6902) {
		paths = append(paths, p.Path)
	}
	for _, r := range k.Replacements {
		paths = append(paths, r.Path)
	}
	sources := func(s types.KvPairSources) {
		paths = slices.Concat(paths, s.FileSources, s.EnvSources, []string{s.EnvSource})
	}
	for _, g := range k.ConfigMapGenerator {
		sources(g.KvPairSources)
	}
	for _, g := range k.SecretGenerator {
		sources(g.KvPairSources)
	}
	return append(paths, k.OpenAPI["path"])
}
