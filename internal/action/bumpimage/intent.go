package bumpimage

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/forge"
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
	set := kustomize.Set{Images: b.set, Dirs: dirs, Found: found, Render: b.Render, Strict: b.Strict, Blind: b.Blind, Remote: b.Remote}
	if b.change, err = plan(ctx, set, tree); err != nil {
		return gitrepo.Commit{}, err
	}
	if b.change.Changed() {
		if err := b.neverBack(ctx, tree, set); err != nil {
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

// neverBack takes the images out of the change of which a newer one runs.
func (b *bump) neverBack(ctx context.Context, tree gitrepo.Tree, set kustomize.Set) error {
	all := set.Images
	set.Images = nil
	pairs := map[string][]forge.Pair{} // by the image's name
	for _, img := range all {
		var err error
		if pairs[img.Name], err = b.pairs(ctx, tree, set.Dirs, img, b.change.Was[img.Name]); err != nil {
			return err
		}
		b.also = append(b.also, pairs[img.Name]...)
	}
	for _, img := range all {
		newer, err := b.anyLater(ctx, pairs[img.Name])
		if err != nil {
			return err
		}
		if newer {
			b.superseded = append(b.superseded, img.Name)
			continue
		}
		set.Images = append(set.Images, img)
	}
	switch {
	case len(set.Images) == 0:
		b.change = kustomize.Change{Old: b.change.Old, New: b.change.Old, Proven: b.change.Proven, Warnings: b.change.Warnings}
		return nil
	case len(b.superseded) == 0:
		return nil
	}
	set.Found = true // a directory may have used the superseded image alone
	change, err := plan(ctx, set, tree)
	b.change = change
	return err
}

// plan waits for a plan no longer than there is time. kustomize cannot be told to stop, and a
// base of some thousand lines of CRDs takes it seconds: what it then still does ends with us.
func plan(ctx context.Context, set kustomize.Set, tree gitrepo.Tree) (kustomize.Change, error) {
	var change kustomize.Change
	done := make(chan error, 1)
	go func() {
		made, err := set.Plan(tree)
		change = made
		done <- err
	}()
	select {
	case err := <-done:
		return change, err
	case <-ctx.Done():
		return kustomize.Change{}, context.Cause(ctx)
	}
}

// first is what to read with the head, so that the most usual layouts need no second look:
// an overlay has its base beside or above it, and who set the current image stands in the
// history of the kustomization.
func (b *bump) first() forge.First {
	var paths []string
	add := func(p string) {
		if !slices.Contains(paths, p) {
			paths = append(paths, p)
		}
	}
	for _, dir := range append(slices.Clone(b.Paths), b.Render...) {
		if isPattern(dir) {
			add(literal(dir))
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
	first := forge.First{Paths: paths}
	if b.guarded() && !slices.ContainsFunc(b.Paths, isPattern) {
		first.Log = slices.Compact(slices.Sorted(slices.Values(b.Paths)))
	}
	return first
}

// bring loads what the proof needs, in as few steps as the kustomizations are deep.
func (b *bump) bring(ctx context.Context, tree gitrepo.Tree, dirs []string) error {
	if b.Blind {
		return tree.Load(ctx, dirs...)
	}
	const depth = 32 // more is a cycle, which kustomize then tells
	for i := range depth {
		missing := kustomize.References(tree, append(slices.Clone(dirs), b.Render...), tree.Known)
		if len(missing) == 0 {
			return nil
		}
		if i == 0 {
			if err := b.askBeside(ctx, tree, dirs); err != nil {
				return err
			}
		}
		if err := tree.Load(ctx, missing...); err != nil {
			return err
		}
	}
	return nil
}
