package bumpimage

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/buenhyden/hy-home/internal/forge"
	"github.com/buenhyden/hy-home/internal/gitrepo"
	"github.com/buenhyden/hy-home/internal/kustomize"
)

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

// ours is the source commit of an image that is to be set; "" if nobody said.
func (b *bump) ours(img kustomize.Image) string {
	if c := commitOf(img.Name + ":" + img.Tag); c != "" {
		return c
	}
	return b.Source.Commit
}

// guarded tells whether it can be seen that a current image is newer.
func (b *bump) guarded() bool {
	return !b.Downgrade && b.Source.Repository != "" && b.Source.Token != ""
}

// pairs are what has to be known of the source commits to tell whether an image that runs now
// comes from a later one than ours: then an older run of the workflow has come in last, and must
// not take the release back.
func (b *bump) pairs(ctx context.Context, tree gitrepo.Tree, dirs []string, img kustomize.Image, was []string) (pairs []forge.Pair, _ error) {
	ours := b.ours(img)
	if !b.guarded() || ours == "" {
		return nil, nil
	}
	for _, ref := range was {
		theirs := commitOf(ref)
		if theirs == "" {
			var err error
			if theirs, err = b.recorded(ctx, tree, dirs, ref); err != nil {
				return nil, err
			}
		}
		b.from[ref] = theirs
		if theirs != "" && !strings.HasPrefix(ours, theirs) && !strings.HasPrefix(theirs, ours) {
			pairs = append(pairs, forge.Pair{Commit: theirs, Ancestor: ours})
		}
	}
	return pairs, nil
}

// recorded is the source commit of an image whose tag names none: a bump before this one
// left it in its message, if it was one of the newest commits there.
func (b *bump) recorded(ctx context.Context, tree gitrepo.Tree, dirs []string, ref string) (string, error) {
	messages, err := tree.Messages(ctx, dirs...)
	if err != nil {
		return "", err
	}
	for _, message := range messages {
		if commit, refs := b.readTrailers(message); slices.Contains(refs, ref) {
			return commit, nil
		}
	}
	return "", nil
}

// waiting notes what proposed will have to know.
func (b *bump) waiting(message string) { b.also = b.proposal(message) }

// proposed tells whether an update that waits in a pull request comes from a later commit
// than ours.
func (b *bump) proposed(ctx context.Context, message string) (bool, error) {
	return b.anyLater(ctx, b.proposal(message))
}

func (b *bump) proposal(message string) []forge.Pair {
	ours := b.ours(b.set[0])
	theirs, _ := b.readTrailers(message)
	if !b.guarded() || ours == "" || theirs == "" || strings.HasPrefix(theirs, ours) {
		return nil
	}
	return []forge.Pair{{Commit: theirs, Ancestor: ours}}
}

// readTrailers finds in the message of a bump the commit of our source repository that it
// came from, if it did, and the references that it set.
func (b *bump) readTrailers(message string) (commit string, refs []string) {
	for line := range strings.Lines(message) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		repository, sha, _ := strings.Cut(value, "@")
		switch {
		case key == imageTrailer:
			refs = append(refs, value)
		case key == commitTrailer && strings.EqualFold(repository, b.Source.Repository) && fullCommit.MatchString(sha):
			commit = sha
		}
	}
	return commit, refs
}

var fullCommit = regexp.MustCompile(`^[0-9a-f]{40}([0-9a-f]{24})?$`)

// anyLater tells whether the first commit of any pair is the later one. The source repository is
// asked once for each pair, and for as many as possible at a time.
func (b *bump) anyLater(ctx context.Context, pairs []forge.Pair) (bool, error) {
	asked := func(p forge.Pair) bool { _, ok := b.ordered[p]; return ok }
	later := func(p forge.Pair) bool { return b.ordered[p] }
	if !slices.ContainsFunc(pairs, func(p forge.Pair) bool { return !asked(p) }) {
		return slices.ContainsFunc(pairs, later), nil
	}
	open := map[forge.Pair]bool{}
	for _, p := range slices.Concat(pairs, b.also) {
		if !asked(p) {
			open[p] = true
		}
	}
	c, err := b.client(b.Source.Repository, b.Source.Token)
	if err != nil {
		return false, err
	}
	found, err := c.Contains(ctx, slices.Collect(maps.Keys(open))...)
	if err != nil {
		return false, fmt.Errorf("whether the current image is newer: %w", err)
	}
	maps.Copy(b.ordered, found)
	return slices.ContainsFunc(pairs, later), nil
}

// askBeside has the tree ask the source repository along with files that it has to bring anyway:
// about what the entries of images say, which mostly is what is rendered.
func (b *bump) askBeside(ctx context.Context, tree gitrepo.Tree, dirs []string) error {
	by, ok := tree.(interface {
		Beside(repository string, pairs []forge.Pair, found map[forge.Pair]bool)
	})
	if !ok || slices.ContainsFunc(b.Paths, isPattern) { // of patterns the history is not there yet
		return nil
	}
	pairs := slices.Clone(b.also)
	for _, img := range b.set {
		var was []string
		for _, dir := range dirs {
			was = append(was, kustomize.Entries(tree, dir, img.Name)...)
		}
		more, err := b.pairs(ctx, tree, dirs, img, was)
		if err != nil {
			return err
		}
		pairs = append(pairs, more...)
	}
	if pairs = slices.DeleteFunc(pairs, func(p forge.Pair) bool { _, asked := b.ordered[p]; return asked }); len(pairs) > 0 {
		by.Beside(b.Source.Repository, pairs, b.ordered)
	}
	return nil
}
