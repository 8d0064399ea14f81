package kustomize

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/rogpeppe/go-internal/diff"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/buenhyden/hy-home/internal/exit"
)

// Set says what to set where.
type Set struct {
	Images []Image
	Dirs   []string // of the kustomizations, from the top
	// Found says that Dirs are what a pattern matched: those that use none of the
	// images are left alone. Otherwise each must use one.
	Found bool
	// Render are the directories whose manifests prove the change, where they are not
	// Dirs themselves: a Component has an effect only in the overlays that use it.
	Render []string
	Strict bool // refuse a file that only kustomize's own writer can change
	Blind  bool // edit without the proof; the manifests need not be there
	Remote bool // bring what lies elsewhere, by kustomize's own git and HTTP
}

// File is one kustomization file and what it becomes.
type File struct {
	Path          string // from the top
	Before, After []byte
}

// Change is a planned edit, proven unless the Set was blind.
type Change struct {
	Files    []File              // that change; none if there is nothing to do
	Old, New []string            // references of the images concerned, as rendered before and after; of a blind change as the entries have them
	Was      map[string][]string // by the image's name: what it was before
	Diff     string              // unified diff of the files
	Rendered string              // unified diff of the rendered manifests
	Proven   bool                // by rendering
	Warnings []string
}

// Changed tells whether there is something to write.
func (c Change) Changed() bool { return len(c.Files) > 0 }

// Plan makes the change without writing anything. files holds the repository.
//
// Every image must reach a container in one of the directories, and is set in those
// where it does. If the manifests render the wanted references as they are, nothing
// is changed, whatever the entries look like.
func (s Set) Plan(files fs.FS) (Change, error) {
	p := planner{Set: s, fs: files, change: Change{Was: map[string][]string{}}, locals: map[string]*local{}}
	for i := range p.Dirs {
		p.Dirs = slices.Clone(p.Dirs)
		p.Dirs[i] = path.Clean(p.Dirs[i])
	}
	if err := p.read(); err != nil {
		return Change{}, err
	}
	plan := p.prove
	if s.Blind {
		plan = p.blind
	}
	if err := plan(); err != nil {
		return Change{}, err
	}
	for _, f := range p.files {
		if !bytes.Equal(f.Before, f.After) {
			p.change.Files = append(p.change.Files, f)
			p.change.Diff += string(diff.Diff("a/"+f.Path, f.Before, "b/"+f.Path, f.After))
		}
	}
	return p.change, nil
}

// planner is one Plan on its way.
type planner struct {
	Set
	fs     fs.FS
	files  []File // one for each of Dirs
	change Change
	locals map[string]*local // of directories to render, with what they name elsewhere; nil where there can be none
}

func (p *planner) read() error {
	for _, dir := range p.Dirs {
		name, err := findFile(p.fs, dir)
		if err != nil {
			return err
		}
		text, err := fs.ReadFile(p.fs, name)
		if err != nil {
			return err
		}
		p.files = append(p.files, File{Path: name, Before: text, After: text})
	}
	return nil
}

// edit sets images in a file, by kustomize's own writer if it must be.
func (p *planner) edit(f *File, images []Image) error {
	after, err := Edit(f.Before, images...)
	if err != nil {
		text, failed := rewrite(f.Before, images)
		if failed != nil || p.Strict {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
		after = text
		p.change.Warnings = append(p.change.Warnings, fmt.Sprintf("%s is written anew by kustomize's own command, which does not keep its layout: %v", f.Path, err))
	}
	f.After = after
	return nil
}

func (p *planner) blind() error {
	for i := range p.files {
		f := &p.files[i]
		if err := p.edit(f, p.Images); err != nil {
			return err
		}
		for to, text := range map[*[]string][]byte{&p.change.Old: f.Before, &p.change.New: f.After} {
			entries, err := entries(text)
			if err != nil {
				return fmt.Errorf("%s: %w", f.Path, err)
			}
			for _, e := range entries {
				if slices.ContainsFunc(p.Images, func(i Image) bool { return i.Name == e.Name }) {
					*to = append(*to, entryReference(e))
					if to == &p.change.Old {
						p.change.Was[e.Name] = append(p.change.Was[e.Name], entryReference(e))
					}
				}
			}
		}
	}
	sortUnique(&p.change.Old, &p.change.New)
	return nil
}

// prove renders before and after.
func (p *planner) prove() error {
	dirs, was, err := p.before()
	if err != nil {
		return err
	}
	reach, err := p.probe(dirs, was)
	if err != nil {
		return err
	}
	if err := p.everyImage(dirs, reach); err != nil {
		return err
	}
	for i := range p.files {
		images := p.Images
		if len(p.Render) == 0 {
			images = reach[i].images(p.Images)
			if len(images) == 0 && !p.Found {
				return p.noMatch(p.Dirs[i:i+1], p.Images...)
			}
		}
		if len(images) == 0 {
			continue
		}
		if err := p.edit(&p.files[i], images); err != nil {
			return err
		}
	}
	is, err := p.render(dirs, func(f File) []byte { return f.After })
	if err != nil {
		return exit.Errorf(exit.Failed, "with the new images: %w", err)
	}
	same := true
	for i, dir := range dirs {
		old, rendered := leaves(was[i]), leaves(is[i])
		if err := reach[i].judge(dir, p.Images, old, rendered); err != nil {
			return err
		}
		for name, places := range reach[i].places {
			for _, at := range places {
				p.change.Was[name] = append(p.change.Was[name], old[at])
			}
		}
		p.change.Old = append(p.change.Old, reach[i].pick(old)...)
		p.change.New = append(p.change.New, reach[i].pick(rendered)...)
		text, err := manifestDiff(dir, was[i], is[i])
		if err != nil {
			return err
		}
		p.change.Rendered += text
		same = same && text == ""
		if text == "" && len(p.Render) == 0 {
			p.files[i].After = p.files[i].Before
		}
	}
	if same {
		for i := range p.files {
			p.files[i].After = p.files[i].Before
		}
	}
	p.change.Proven = true
	sortUnique(&p.change.Old, &p.change.New)
	return nil
}

// render builds directories with the kustomization files as text gives them, one after the
// other: kustomize keeps one schema for the whole process, which any of them may replace
// (openapi), and eight at once take two cores as long as eight in a row.
func (p *planner) render(dirs []string, text func(File) []byte) ([][]*unstructured.Unstructured, error) {
	overrides := map[string][]byte{}
	for _, f := range p.files {
		overrides[f.Path] = text(f)
	}
	var all [][]*unstructured.Unstructured
	for _, dir := range dirs {
		var objects []*unstructured.Unstructured
		var err error
		if l := p.local(dir); l != nil {
			objects, err = l.render(overrides)
		} else {
			objects, err = render(newTree(p.fs, overrides), dir, p.Remote)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, objects)
	}
	return all, nil
}

// local brings what a directory names elsewhere, once; nil if that is not to be, or not possible.
func (p *planner) local(dir string) *local {
	if !p.Remote {
		return nil
	}
	l, tried := p.locals[dir]
	if !tried {
		if made, ok := localize(p.fs, dir); ok {
			l = &made
		}
		p.locals[dir] = l
	}
	return l
}

func sortUnique(lists ...*[]string) {
	for _, l := range lists {
		slices.Sort(*l)
		*l = slices.Compact(*l)
	}
}
