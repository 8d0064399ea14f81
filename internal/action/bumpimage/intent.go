package bumpimage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/gitrepo"
	"github.com/buenhyden/hy-home/internal/kustomize"
)

// intent plans the change on the files of a head. It is asked again on each new head.
func (b *bump) intent(ctx context.Context, tree gitrepo.Tree) (gitrepo.Commit, error) {
	b.superseded = nil
	dirs, found, err := b.expand(ctx, tree)
	if err != nil {
		return gitrepo.Commit{}, err
	}
	if err := b.bring(ctx, tree, dirs); err != nil {
		return gitrepo.Commit{}, err
	}
	for _, dir := range append(slices.Clone(dirs), b.Render...) {
		info, err := gitrepo.CheckPath(tree, dir)
		if err != nil {
			return gitrepo.Commit{}, fmt.Errorf("directory: %w", err)
		}
		if !info.IsDir() {
			return gitrepo.Commit{}, exit.BadInputf("directory %q is a file; name the directory that holds it", dir)
		}
	}
	set := kustomize.Set{Images: b.set, Dirs: dirs, Found: found, Render: b.Render, Strict: b.Strict, Blind: b.Blind}
	if b.change, err = set.Plan(tree); err != nil {
		return gitrepo.Commit{}, err
	}
	set.Images = nil
	for _, img := range b.set {
		newer, err := b.newer(ctx, img, b.change.Was[img.Name])
		if err != nil {
			return gitrepo.Commit{}, err
		}
		if newer {
			b.superseded = append(b.superseded, img.Name)
			continue
		}
		set.Images = append(set.Images, img)
	}
	switch {
	case len(set.Images) == 0:
		b.change = kustomize.Change{Old: b.change.Old, New: b.change.Old, Proven: b.change.Proven}
	case len(b.superseded) > 0:
		set.Found = true // a directory may have used the superseded image alone
		if b.change, err = set.Plan(tree); err != nil {
			return gitrepo.Commit{}, err
		}
	}
	c := gitrepo.Commit{Files: map[string][]byte{}, Message: b.message()}
	for _, f := range b.change.Files {
		if _, err := gitrepo.CheckPath(tree, f.Path); err != nil {
			return gitrepo.Commit{}, err
		}
		c.Files[f.Path] = f.After
	}
	return c, nil
}

// first are the paths to read with the head, so that the most usual layouts need no second
// look: an overlay has its base beside or above it.
func (b *bump) first() []string {
	var paths []string
	add := func(p string) {
		if !slices.Contains(paths, p) {
			paths = append(paths, p)
		}
	}
	for _, dir := range append(slices.Clone(b.Paths), b.Render...) {
		if isPattern(dir) {
			before, _, _ := strings.Cut(dir, literalEnd(dir))
			add(path.Clean(before + "."))
			continue
		}
		add(dir)
		if !b.Blind && strings.Contains(dir, "/") {
			for _, up := range []string{"..", "../.."} {
				if base := path.Join(dir, up, "base"); base != dir && base != "base" {
					add(base)
				}
			}
		}
	}
	return paths
}

// bring loads what the proof needs, in as few steps as the kustomizations are deep.
func (b *bump) bring(ctx context.Context, tree gitrepo.Tree, dirs []string) error {
	if b.Blind {
		return tree.Load(ctx, dirs...)
	}
	const depth = 32 // more is a cycle, which kustomize then tells
	for range depth {
		missing := kustomize.References(tree, append(slices.Clone(dirs), b.Render...), tree.Known)
		if len(missing) == 0 {
			return nil
		}
		if err := tree.Load(ctx, missing...); err != nil {
			return err
		}
	}
	return nil
}

func isPattern(p string) bool { return strings.ContainsAny(p, "*?[") }

// literalEnd is the first part of a pattern that is no plain name, with all that follows.
func literalEnd(pattern string) string {
	parts := strings.Split(pattern, "/")
	i := slices.IndexFunc(parts, isPattern)
	return strings.Join(parts[i:], "/")
}

// expand finds the directories that paths name; found tells that a pattern did.
func (b *bump) expand(ctx context.Context, tree gitrepo.Tree) (dirs []string, found bool, err error) {
	for _, p := range b.Paths {
		if !isPattern(p) {
			dirs = append(dirs, p)
			continue
		}
		matches, err := glob(ctx, tree, p)
		if err != nil {
			return nil, false, err
		}
		if len(matches) == 0 {
			return nil, false, exit.BadInputf("paths: no directory with a kustomization matches %q", p)
		}
		dirs, found = append(dirs, matches...), true
	}
	slices.Sort(dirs)
	return slices.Compact(dirs), found, nil
}

// glob matches a pattern level by level, so that a level costs one request.
func glob(ctx context.Context, tree gitrepo.Tree, pattern string) ([]string, error) {
	at := []string{"."}
	for part := range strings.SplitSeq(pattern, "/") {
		if err := load(ctx, tree, at); err != nil {
			return nil, err
		}
		var next []string
		for _, dir := range at {
			entries, err := fs.ReadDir(tree, dir)
			if err != nil {
				return nil, err
			}
			for _, e := range entries {
				ok, err := path.Match(part, e.Name())
				if err != nil {
					return nil, exit.BadInputf("paths: %q is no pattern: %w", pattern, err)
				}
				if ok && e.IsDir() {
					next = append(next, path.Join(dir, e.Name()))
				}
			}
		}
		at = next
	}
	if err := load(ctx, tree, at); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(at, func(dir string) bool {
		return !slices.ContainsFunc([]string{"kustomization.yaml", "kustomization.yml", "Kustomization"}, func(name string) bool {
			_, err := fs.Stat(tree, path.Join(dir, name))
			return err == nil
		})
	}), nil
}

func load(ctx context.Context, tree gitrepo.Tree, names []string) error {
	missing := slices.DeleteFunc(slices.Clone(names), tree.Known)
	if len(missing) == 0 {
		return nil
	}
	return tree.Load(ctx, missing...)
}

// inTag finds a commit in a tag: alone, behind "sha-" or between other parts.
var inTag = regexp.MustCompile(`(?:^|[-_.])(?:sha)?g?([0-9a-f]{7,40})(?:$|[-_.])`)

// commitOf is the source commit that a tag names; "" if it names none.
func commitOf(ref string) string {
	ref, _, _ = strings.Cut(ref[strings.LastIndexByte(ref, '/')+1:], "@")
	_, tag, _ := strings.Cut(ref, ":")
	m := inTag.FindStringSubmatch(tag)
	// 20261126 is a date, and deadbeef may be a name: a short one needs both kinds.
	if m == nil || len(m[1]) < 40 && (!strings.ContainsAny(m[1], "abcdef") || !strings.ContainsAny(m[1], "0123456789")) {
		return ""
	}
	return m[1]
}

// newer tells whether an image that runs now comes from a later commit than ours: then an
// older run of the workflow has come in last, and must not take the release back.
func (b *bump) newer(ctx context.Context, img kustomize.Image, was []string) (bool, error) {
	ours := commitOf(img.Name + ":" + img.Tag)
	if ours == "" {
		ours = b.Source.Commit
	}
	if b.Downgrade || ours == "" || b.Source.Repository == "" || b.Source.Token == "" {
		return false, nil
	}
	for _, ref := range was {
		theirs := commitOf(ref)
		if theirs == "" || strings.HasPrefix(ours, theirs) || strings.HasPrefix(theirs, ours) {
			continue
		}
		key := [2]string{theirs, ours}
		later, asked := b.ordered[key]
		if !asked {
			c, err := b.client(b.Source.Repository, b.Source.Token)
			if err != nil {
				return false, err
			}
			if later, err = c.Contains(ctx, theirs, ours); err != nil {
				return false, errors.Join(errors.New("cannot tell whether the current image is newer"), err)
			}
			if b.ordered == nil {
				b.ordered = map[[2]string]bool{}
			}
			b.ordered[key] = later
		}
		if later {
			return true, nil
		}
	}
	return false, nil
}
