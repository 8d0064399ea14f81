package kustomize

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/kustomize/api/pkg/util"
	"sigs.k8s.io/kustomize/api/types"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/buenhyden/hy-home/internal/exit"
)

// place is where a value stands in the rendered manifests: the index of the
// object and the path in it.
type place struct {
	object int
	path   string
}

// leaves are all values of rendered objects that hold no others, by place.
func leaves(objects []*unstructured.Unstructured) map[place]string {
	all := map[place]string{}
	for i, o := range objects {
		walk(o.Object, "", func(at string, v any) {
			s, text := v.(string)
			if !text {
				s = fmt.Sprintf("%T %v", v, v)
			}
			all[place{i, at}] = s
		})
	}
	return all
}

// reach is what setting the images can touch in one rendered directory.
type reach struct {
	places  map[string][]place // by image: where its reference stands
	touched map[place]bool     // all that follows from the references: replacements may copy them elsewhere
}

// before renders what is there. A directory that a pattern found is left alone if it does
// not render: it is somebody else's fault, and nobody asked for that one.
func (p *planner) before() (dirs []string, was [][]*unstructured.Unstructured, err error) {
	if dirs = p.Render; len(dirs) == 0 {
		dirs = p.Dirs
	}
	was, err = p.render(dirs, func(f File) []byte { return f.Before })
	if err == nil {
		return dirs, was, nil
	}
	broken := exit.Errorf(exit.Code(err), "already broken, before any change: %w", err)
	if !p.Found || len(p.Render) > 0 {
		return nil, nil, broken
	}
	var files []File
	dirs = nil
	for i, dir := range p.Dirs {
		one, err := p.render([]string{dir}, func(f File) []byte { return f.Before })
		if err != nil {
			p.change.Warnings = append(p.change.Warnings, fmt.Sprintf("left alone, as it is broken already: %v", err))
			continue
		}
		dirs, files, was = append(dirs, dir), append(files, p.files[i]), append(was, one...)
	}
	if len(dirs) == 0 {
		return nil, nil, broken
	}
	p.Dirs, p.files = dirs, files
	return dirs, was, nil
}

// probeName is a repository that no manifest can hold: .invalid never resolves
// (RFC 6761).
const probeName = "hyaction.invalid/probe"

// probe finds what each image reaches. To be told by kustomize itself, whatever its
// rules, it renders with the images set to references of its own.
func (p *planner) probe(dirs []string, was [][]*unstructured.Unstructured) ([]reach, error) {
	aliases := map[string]string{}
	texts := map[string][]byte{}
	for _, f := range p.files {
		var k types.Kustomization
		if err := k.Unmarshal(f.Before); err != nil {
			return nil, exit.BadInputf("%s: %w", f.Path, err)
		}
		for i, img := range lastWins(p.Images) {
			alias := types.Image{Name: img.Name, NewName: probeName + strconv.Itoa(i), NewTag: "hyaction-probe"}
			aliases[alias.NewName] = img.Name
			// At the entry's own place: entries work one after the other.
			if at := slices.IndexFunc(k.Images, func(e types.Image) bool { return e.Name == img.Name }); at >= 0 {
				k.Images[at] = alias
			} else {
				k.Images = append(k.Images, alias)
			}
		}
		var err error
		if texts[f.Path], err = sigsyaml.Marshal(k); err != nil {
			return nil, err
		}
	}
	probed, err := p.render(dirs, func(f File) []byte { return texts[f.Path] })
	if err != nil {
		return nil, err
	}
	all := make([]reach, len(dirs))
	for i := range dirs {
		r := reach{places: map[string][]place{}, touched: map[place]bool{}}
		before := leaves(was[i])
		for at, s := range leaves(probed[i]) {
			if had, ok := before[at]; ok && had != s {
				r.touched[at] = true
			}
			repository, _, _ := util.SplitImageName(s)
			if name, ok := aliases[repository]; ok {
				r.places[name] = append(r.places[name], at)
			}
		}
		all[i] = r
	}
	return all, nil
}

// images are those that reach something.
func (r reach) images(of []Image) []Image {
	return slices.DeleteFunc(slices.Clone(of), func(i Image) bool { return len(r.places[i.Name]) == 0 })
}

// judge checks that each place of an image renders what was asked for (a later entry
// of images, a replacement or a patch may have the last word), and that nothing
// but what follows from the images is another than before.
func (r reach) judge(dir string, images []Image, old, rendered map[place]string) error {
	given := func(wanted, got string) bool { return wanted == Keep || wanted == got }
	for _, img := range images {
		for _, p := range r.places[img.Name] {
			got := rendered[p]
			name, tag, digest := util.SplitImageName(got)
			ok := img.NewName == "" || given(img.NewName, name)
			if img.Tag != "" || img.Digest != "" {
				ok = ok && given(img.Tag, tag) && given(img.Digest, digest)
			}
			if !ok {
				return exit.BadInputf("image %q: %s would still render %q; another entry of images, a replacement or a transformer overrides it", img, dir, got)
			}
		}
	}
	for p, was := range old {
		if now, ok := rendered[p]; !r.touched[p] && (!ok || now != was) {
			return exit.BadInputf("%s: %s would change from %q to %q, which no image accounts for", dir, p.path, was, now)
		}
	}
	if len(rendered) != len(old) {
		return exit.BadInputf("%s: the manifests would hold %d values in place of %d, which no image accounts for", dir, len(rendered), len(old))
	}
	return nil
}

// pick lists the references at the places of the images.
func (r reach) pick(all map[place]string) []string {
	var found []string
	for _, p := range slices.Concat(slices.Collect(maps.Values(r.places))...) {
		found = append(found, all[p])
	}
	return found
}

func manifestDiff(dir string, was, is []*unstructured.Unstructured) (string, error) {
	var texts [2][]byte
	for i, objects := range [][]*unstructured.Unstructured{was, is} {
		for _, o := range objects {
			text, err := sigsyaml.Marshal(o.Object)
			if err != nil {
				return "", err
			}
			texts[i] = append(append(texts[i], "---\n"...), text...)
		}
	}
	return string(diff.Diff("a/"+dir, texts[0], "b/"+dir, texts[1])), nil
}

// entries are the images of a kustomization file.
func entries(text []byte) ([]types.Image, error) {
	var k types.Kustomization
	if err := k.Unmarshal(text); err != nil {
		return nil, exit.BadInputf("%w", err)
	}
	return k.Images, nil
}

// entryReference is what an entry makes of an image, as far as the entry tells.
func entryReference(e types.Image) string {
	name := e.NewName
	if name == "" {
		name = e.Name
	}
	return name + suffix(e.NewTag, strings.TrimSpace(e.Digest))
}

// Entries are the references that the entries of a directory's kustomization make of an image, none
// if it cannot be read.
func Entries(files fs.FS, dir, image string) (refs []string) {
	name, err := findFile(files, dir)
	if err != nil {
		return nil
	}
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return nil
	}
	all, err := entries(text)
	if err != nil {
		return nil
	}
	for _, e := range all {
		if e.Name == image {
			refs = append(refs, entryReference(e))
		}
	}
	return refs
}
