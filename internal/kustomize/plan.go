package kustomize

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path"
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

// Change is a proven edit of one kustomization file.
type Change struct {
	Path          string   // of the file, from the root
	Before, After []byte   // its text; equal if there is nothing to do
	Old, New      []string // references of the images concerned, as rendered before and after
	Diff          string   // unified diff of the rendered manifests; "" if nothing changes
}

// Changed tells whether there is something to write.
func (c Change) Changed() bool { return !bytes.Equal(c.Before, c.After) }

// Plan sets images in the kustomization of dir, a path from root, and proves by
// rendering that each reaches a container. It writes nothing.
//
// An image that no container uses is refused, even if an entry for it is there
// already. If the manifests render the wanted references as they are, nothing is
// changed, whatever the entries look like.
func Plan(root *os.Root, dir string, images ...Image) (Change, error) {
	dir = path.Clean(dir)
	file, err := FindFile(root, dir)
	if err != nil {
		return Change{}, err
	}
	before, err := root.ReadFile(file)
	if err != nil {
		return Change{}, err
	}
	after, err := Edit(before, images...)
	if err != nil {
		return Change{}, fmt.Errorf("%s: %w", file, err)
	}
	places, err := probe(root, dir, file, before, images)
	if err != nil {
		return Change{}, err
	}
	was, err := render(root, dir, map[string][]byte{file: before})
	if err != nil {
		return Change{}, err
	}
	is, err := render(root, dir, map[string][]byte{file: after})
	if err != nil {
		return Change{}, err
	}
	old, rendered := references(was), references(is)
	for _, img := range images {
		if err := reached(rendered, places[img.Name], img, dir); err != nil {
			return Change{}, err
		}
	}
	at := slices.Concat(slices.Collect(maps.Values(places))...)
	c := Change{Path: file, Before: before, After: after, Old: pick(old, at), New: pick(rendered, at)}
	if maps.Equal(old, rendered) {
		c.After = before
		return c, nil
	}
	c.Diff, err = manifestDiff(dir, was, is)
	return c, err
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

// place is where a string stands in the rendered manifests: the index of the
// object and the path in it.
type place struct {
	object int
	path   string
}

// references are all strings of rendered objects, by place.
func references(objects []*unstructured.Unstructured) map[place]string {
	all := map[place]string{}
	for i, o := range objects {
		walk(o.Object, "", func(at, s string) { all[place{i, at}] = s })
	}
	return all
}

// probeName is a repository that no manifest can hold: .invalid never resolves
// (RFC 6761).
const probeName = "hyaction.invalid/probe"

// probe finds the places that each image reaches. To be told by kustomize itself,
// whatever its rules, it renders with the images renamed to names of its own.
func probe(root *os.Root, dir, file string, text []byte, images []Image) (map[string][]place, error) {
	var k types.Kustomization
	if err := k.Unmarshal(text); err != nil {
		return nil, exit.BadInputf("%s: %w", file, err)
	}
	original := slices.Clone(k.Images)
	aliases := map[string]string{}
	for i, img := range lastWins(images) {
		alias := types.Image{Name: img.Name, NewName: probeName + strconv.Itoa(i)}
		aliases[alias.NewName] = img.Name
		// At the entry's own place: entries work one after the other.
		if at := slices.IndexFunc(k.Images, func(e types.Image) bool { return e.Name == img.Name }); at >= 0 {
			k.Images[at] = alias
		} else {
			k.Images = append(k.Images, alias)
		}
	}
	probed, err := sigsyaml.Marshal(k)
	if err != nil {
		return nil, err
	}
	objects, err := render(root, dir, map[string][]byte{file: probed})
	if err != nil {
		return nil, err
	}
	places := map[string][]place{}
	for at, s := range references(objects) {
		repository, _, _ := util.SplitImageName(s)
		if name, ok := aliases[repository]; ok {
			places[name] = append(places[name], at)
		}
	}
	for _, img := range images {
		if len(places[img.Name]) == 0 {
			k.Images = without(original, images)
			return nil, unused(root, dir, file, k, img)
		}
	}
	return places, nil
}

func without(entries []types.Image, images []Image) []types.Image {
	return slices.DeleteFunc(entries, func(e types.Image) bool {
		return slices.ContainsFunc(images, func(i Image) bool { return i.Name == e.Name })
	})
}

// unused makes the sentence for an image that no manifest holds. k is the
// kustomization without it, to see which names an entry would match.
func unused(root *os.Root, dir, file string, k types.Kustomization, img Image) error {
	text, err := sigsyaml.Marshal(k)
	if err != nil {
		return err
	}
	objects, err := render(root, dir, map[string][]byte{file: text})
	if err != nil {
		return err
	}
	var names []string
	for _, ref := range Images(objects) {
		name, _, _ := util.SplitImageName(ref)
		names = append(names, strconv.Quote(name))
	}
	names = slices.Compact(names)
	switch n := len(names); n {
	case 0:
		return exit.BadInputf("no container in %s uses image %q; it has no containers at all", dir, img.Name)
	case 1:
		return exit.BadInputf("no container in %s uses image %q; it uses %s", dir, img.Name, names[0])
	default:
		return exit.BadInputf("no container in %s uses image %q; it uses %s and %s", dir, img.Name, strings.Join(names[:n-1], ", "), names[n-1])
	}
}

// reached checks that each place of an image renders what was asked for: a later
// entry of images, a replacement or a patch may have the last word.
func reached(rendered map[place]string, at []place, img Image, dir string) error {
	given := func(wanted, got string) bool { return wanted == Keep || wanted == got }
	for _, p := range at {
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
	return nil
}

// pick lists the strings at the given places, sorted, each once.
func pick(all map[place]string, at []place) []string {
	var found []string
	for _, p := range at {
		found = append(found, all[p])
	}
	slices.Sort(found)
	return slices.Compact(found)
}
