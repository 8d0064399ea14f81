package buildpush

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/buenhyden/hy-home/internal/contentkey"
	"github.com/buenhyden/hy-home/internal/registry"
)

// expected is what was asked of the image, and is looked for in what was pushed.
type expected struct {
	platforms  []string // "linux/arm64/v8"
	predicates []string // how the types of attestations begin that each platform must have
}

// missing names what is expected and is not there; "" when nothing is.
func (e expected) missing(have []string, got []registry.Attested) string {
	var out []string
	for _, p := range normal(e.platforms) {
		if !slices.Contains(normal(have), p) {
			out = append(out, "an image for "+p)
		}
	}
	for _, a := range got {
		for _, want := range e.predicates {
			if !slices.ContainsFunc(a.Predicates, func(p string) bool { return strings.HasPrefix(p, want) }) {
				out = append(out, want+" attested of "+a.Platform)
			}
		}
	}
	return strings.Join(out, ", ")
}

// normal are platforms as they can be compared; what is none stays as it is.
func normal(list []string) []string {
	if out, err := contentkey.Platforms(list); err == nil {
		return out
	}
	return list
}

// verify asks the registry for what was pushed: what it does not serve, no cluster
// can pull.
func (j *job) verify(ctx context.Context) (string, error) {
	digest := j.res.Digest
	j.res.Digest = "" // nothing may be deployed by a name that does not resolve
	var fault error
	var reading sync.WaitGroup
	reading.Go(func() { fault = j.read(ctx, digest) })
	err := j.checkTags(ctx, digest)
	if reading.Wait(); err == nil {
		err = fault
	}
	if err != nil {
		return "", err
	}
	var got []registry.Attested
	if len(j.want.predicates) > 0 {
		if got, err = j.o.Registry.Attestations(ctx, j.repo, digest); err != nil {
			return "", err
		}
	}
	if missing := j.want.missing(j.res.Manifest.Platforms, got); missing != "" {
		return "", fmt.Errorf("%s is without %s", j.repo.Digest(digest), missing)
	}
	j.res.Digest = digest
	return "the registry serves it: " + strings.Join(j.res.Manifest.Platforms, ", "), nil
}

// checkTags finds out whether the tags lead to what was pushed.
func (j *job) checkTags(ctx context.Context, digest string) error {
	for i, tag := range j.res.Tags {
		served, err := j.o.Registry.Digest(ctx, j.repo, tag)
		switch {
		case errors.Is(err, registry.ErrNotFound):
			return fmt.Errorf("%s was pushed as %s, but registry %s has no such tag", j.repo.Tag(tag), digest, j.repo.Host())
		case err != nil:
			return err
		case served != digest && i == 0:
			return fmt.Errorf("%s was pushed as %s, but registry %s serves it as %s: the registry changes what it is given, or somebody pushed the tag meanwhile", j.repo.Tag(tag), digest, j.repo.Host(), served)
		case served != digest:
			// Two jobs that move "latest" at once are no fault of either.
			j.warn(fmt.Sprintf("%s is %s by now and no more %s: somebody pushed it meanwhile", j.repo.Tag(tag), served, digest))
		}
	}
	return nil
}

// read fills in what the registry tells of the digest.
func (j *job) read(ctx context.Context, digest string) error {
	if j.res.Manifest.Digest != digest {
		m, err := j.o.Registry.Read(ctx, j.repo, digest)
		if errors.Is(err, registry.ErrNotFound) {
			return fmt.Errorf("%s was pushed, but registry %s has no manifest %s", j.o.Image, j.repo.Host(), digest)
		}
		if err != nil {
			return err
		}
		j.res.Manifest = m
	}
	if !j.res.Built {
		// The labels of who built it; those of now would be another image.
		j.res.Labels, j.res.Annotations = pairs(j.res.Manifest.Labels), nil
	}
	return nil
}
