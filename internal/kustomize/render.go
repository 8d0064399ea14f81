package kustomize

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/buenhyden/hy-home/internal/decode"
	"github.com/buenhyden/hy-home/internal/exit"
)

// IsFile tells by its name whether a file is one that kustomize looks for in a directory.
func IsFile(name string) bool {
	return slices.Contains(konfig.RecognizedKustomizationFileNames(), path.Base(name))
}

// FindFile returns the path, from root, of the kustomization file of dir.
func FindFile(root *os.Root, dir string) (string, error) { return findFile(root.FS(), dir) }

func findFile(files fs.FS, dir string) (string, error) {
	var found []string
	for _, name := range konfig.RecognizedKustomizationFileNames() {
		file := path.Join(dir, name)
		if info, err := fs.Stat(files, file); err == nil && info.Mode().IsRegular() {
			found = append(found, file)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", exit.BadInputf("%s: no %s there", dir, konfig.DefaultKustomizationFileName())
	}
	return "", exit.BadInputf("%s: kustomize wants one kustomization file, there are %d: %s", dir, len(found), strings.Join(found, ", "))
}

// Render builds the kustomization in dir, a path from root, and returns its objects
// in kustomize's order. Bases may lie anywhere under root; remote resources, Helm
// charts and plugins are refused.
func Render(root *os.Root, dir string) ([]*unstructured.Unstructured, error) {
	return render(newTree(root.FS(), nil), dir, false)
}

func render(t *tree, dir string, remote bool) ([]*unstructured.Unstructured, error) {
	files := filesys.FileSystem(t)
	if remote {
		f, err := newFetched(t)
		if err != nil {
			return nil, err
		}
		files = f
	}
	objects, err := build(files, path.Join("/", dir), dir)
	if t.refused != nil {
		err = exit.BadInputf("%s does not render: %s", dir, cause(t.refused))
	}
	return objects, err
}

// build renders what lies at a path, and calls it dir.
func build(files filesys.FileSystem, at, dir string) ([]*unstructured.Unstructured, error) {
	var m resmap.ResMap
	var err error
	quietly(func() { m, err = krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(files, at) })
	if err != nil {
		return nil, exit.BadInputf("%s does not render: %s", dir, strings.ReplaceAll(cause(err), copyDir, ""))
	}
	var objects []*unstructured.Unstructured
	for _, r := range m.Resources() {
		text, err := r.MarshalJSON()
		if err != nil {
			return nil, fmt.Errorf("rendering %s: %s: %w", dir, r.CurId(), err)
		}
		// By way of JSON, since only its decoder gives the number types that
		// unstructured objects may hold.
		u := &unstructured.Unstructured{}
		if err := u.UnmarshalJSON(text); err != nil {
			return nil, exit.BadInputf("%s does not render: %s: %w", dir, r.CurId(), err)
		}
		objects = append(objects, u)
	}
	return objects, nil
}

var (
	accumulation = regexp.MustCompile(`(?s)^.*recursed accumulation of path '/?([^']*)': `)
	resources    = regexp.MustCompile(`^accumulating resources(?: from '([^']*)')?: (?:accumulation err=')?`)
)

// cause shortens kustomize's account of an error, which repeats at each base on the
// way what else the entry might have been, to the place and the cause.
func cause(err error) string {
	text := decode.Plain(err).Error()
	at := ""
	if m := accumulation.FindStringSubmatch(text); m != nil {
		at, text = m[1], text[len(m[0]):]
	}
	for {
		m := resources.FindStringSubmatch(text)
		if m == nil {
			break
		}
		at, text = path.Join(at, m[1]), text[len(m[0]):]
	}
	if at == "" {
		return text
	}
	return at + ": " + text
}

// Images lists the images of all containers in objects, sorted, each once.
func Images(objects []*unstructured.Unstructured) []string {
	var images []string
	for _, o := range objects {
		walk(o.Object, "", func(at string, v any) {
			if s, ok := v.(string); ok && imagePath(at) {
				images = append(images, s)
			}
		})
	}
	slices.Sort(images)
	return slices.Compact(images)
}

// imagePath tells whether a path ends where kustomize looks for images by default.
func imagePath(at string) bool {
	parts := strings.Split(at, "/")
	n := len(parts)
	switch {
	case n >= 3 && parts[n-1] == "image":
		return parts[n-3] == "containers" || parts[n-3] == "initContainers"
	case n >= 4 && parts[n-1] == "reference" && parts[n-2] == "image":
		return parts[n-4] == "volumes"
	}
	return false
}

// walk calls f for each value in v that holds no others, with its path.
func walk(v any, at string, f func(at string, v any)) {
	switch v := v.(type) {
	case map[string]any:
		for key, child := range v {
			walk(child, at+"/"+key, f)
		}
	case []any:
		for i, child := range v {
			walk(child, fmt.Sprintf("%s/%d", at, i), f)
		}
	default:
		f(at, v)
	}
}
