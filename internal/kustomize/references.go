package kustomize

import (
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/types"
)

// References follows what the kustomizations of dirs name, and returns the paths at
// which it could not go on since they are not known yet. Whoever brings a
// repository piece by piece brings these, and asks again until nothing is left.
func References(files fs.FS, dirs []string, known func(name string) bool) []string {
	w := referenceWalk{files: files, known: known, seen: map[string]bool{}}
	for _, dir := range dirs {
		w.visit(path.Clean(dir))
	}
	slices.Sort(w.unknown)
	return w.unknown
}

type referenceWalk struct {
	files   fs.FS
	known   func(string) bool
	seen    map[string]bool
	unknown []string
}

func (w *referenceWalk) visit(name string) {
	if w.seen[name] {
		return
	}
	w.seen[name] = true
	if !w.known(name) {
		w.unknown = append(w.unknown, name)
		return
	}
	if info, err := fs.Stat(w.files, name); err != nil || !info.IsDir() {
		return // a file, or missing: what kustomize says of it counts
	}
	for _, file := range konfig.RecognizedKustomizationFileNames() {
		file = path.Join(name, file)
		if !w.known(file) {
			w.visit(file)
			continue
		}
		text, err := fs.ReadFile(w.files, file)
		if err != nil {
			continue
		}
		var k types.Kustomization
		if k.Unmarshal(text) != nil {
			continue
		}
		for _, entry := range slices.Concat(k.Resources, k.Bases, k.Components, filePaths(k)) {
			if strings.Contains(entry, "://") || strings.ContainsAny(entry, "\n?") {
				continue // remote, or no path at all: refused when it is rendered
			}
			if _, value, ok := strings.Cut(entry, "="); ok {
				entry = value // key=path is how generators name a file
			}
			if at := path.Join(name, entry); entry != "" && filepath.IsLocal(at) {
				w.visit(at)
			}
		}
	}
}
