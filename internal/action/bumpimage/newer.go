package bumpimage

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

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

// newer tells whether an image that runs now comes from a later commit than ours: then an
// older run of the workflow has come in last, and must not take the release back.
func (b *bump) newer(ctx context.Context, tree gitrepo.Tree, dirs []string, img kustomize.Image, was []string) (bool, error) {
	ours := b.ours(img)
	if !b.guarded() || ours == "" {
		return false, nil
	}
	for _, ref := range was {
		theirs := commitOf(ref)
		if theirs == "" {
			var err error
			if theirs, err = b.recorded(ctx, tree, dirs, ref); err != nil {
				return false, err
			}
		}
		b.from[ref] = theirs
		if theirs == "" || strings.HasPrefix(ours, theirs) || strings.HasPrefix(theirs, ours) {
			continue
		}
		later, err := b.contains(ctx, theirs, ours)
		if err != nil || later {
			return later, err
		}
	}
	return false, nil
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

// proposed tells whether an update that waits in a pull request comes from a later commit
// than ours.
func (b *bump) proposed(ctx context.Context, message string) (bool, error) {
	ours := b.ours(b.set[0])
	theirs, _ := b.readTrailers(message)
	if !b.guarded() || ours == "" || theirs == "" || strings.HasPrefix(theirs, ours) {
		return false, nil
	}
	return b.contains(ctx, theirs, ours)
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

// contains asks the source repository, once for each pair.
func (b *bump) contains(ctx context.Context, commit, ancestor string) (bool, error) {
	key := [2]string{commit, ancestor}
	if later, asked := b.ordered[key]; asked {
		return later, nil
	}
	c, err := b.client(b.Source.Repository, b.Source.Token)
	if err != nil {
		return false, err
	}
	later, err := c.Contains(ctx, commit, ancestor)
	if err != nil {
		return false, fmt.Errorf("whether the current image is newer: %w", err)
	}
	b.ordered[key] = later
	return later, nil
}
