package bumpimage

import (
	"context"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/gitrepo"
	"github.com/buenhyden/hy-home/internal/kustomize"
)

// inside makes paths those from the repository's top, all of them in it. Where the
// repository is the checkout around the caller, they are meant from where that one stands.
func (b *bump) inside(what string, list []string, stand string) error {
	for i, p := range list {
		name := path.Clean(filepath.ToSlash(p))
		if b.Repository == "" {
			at := filepath.FromSlash(name)
			if !filepath.IsAbs(at) {
				at = filepath.Join(stand, at)
			}
			rel, err := filepath.Rel(checkoutOf(stand), at)
			if err != nil || !filepath.IsLocal(rel) {
				return exit.BadInputf("%s: %q lies outside the checkout %s that you stand in; name the other one as the repository", what, p, checkoutOf(stand))
			}
			name = filepath.ToSlash(rel)
		}
		if p == "" || !filepath.IsLocal(name) {
			return exit.BadInputf("%s: %q leads out of the repository; name a directory from its top, such as apps/backend/overlays/dev", what, p)
		}
		for part := range strings.SplitSeq(name, "/") {
			if _, err := path.Match(part, ""); err != nil {
				return exit.BadInputf("%s: %q is no pattern: %w", what, p, err)
			}
		}
		list[i] = name
	}
	return nil
}

func isPattern(p string) bool { return strings.ContainsAny(p, "*?[") }

// literal is the part of a pattern that names one directory.
func literal(pattern string) string {
	parts := strings.Split(pattern, "/")
	return path.Join(append([]string{"."}, parts[:slices.IndexFunc(parts, isPattern)]...)...)
}

// expand finds the directories that paths name; found tells that a pattern did.
func (b *bump) expand(ctx context.Context, tree gitrepo.Tree) (dirs []string, found bool, err error) {
	for _, p := range b.Paths {
		if !isPattern(p) {
			dirs = append(dirs, p)
			continue
		}
		files, err := tree.Files(ctx, literal(p))
		if err != nil {
			return nil, false, err
		}
		none := true
		for _, file := range files {
			dir := path.Dir(file)
			if kustomize.IsFile(file) && matches(strings.Split(p, "/"), strings.Split(dir, "/")) {
				dirs, none = append(dirs, dir), false
			}
		}
		if none {
			return nil, false, exit.BadInputf("paths: no directory with a kustomization matches %q", p)
		}
		found = true
	}
	slices.Sort(dirs)
	return slices.Compact(dirs), found, nil
}

// matches holds a path against a pattern, part by part; ** stands for any number of them.
func matches(pattern, name []string) bool {
	switch {
	case len(pattern) == 0:
		return len(name) == 0
	case pattern[0] == "**":
		return matches(pattern[1:], name) || len(name) > 0 && matches(pattern, name[1:])
	case len(name) == 0:
		return false
	}
	ok, _ := path.Match(pattern[0], name[0]) // its syntax was checked
	return ok && matches(pattern[1:], name[1:])
}
