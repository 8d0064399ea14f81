package buildpush

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/buenhyden/hy-home/internal/registry"
)

// expected is what was asked of the image, and is looked for in what was pushed.
type expected struct {
	platforms  []string // "linux/arm64/v8"
	predicates []string // how the types of attestations begin that each platform must have
}

// missing names what is expected and is not there; "" when nothing is.
func (e expected) missing(got []registry.Attested) string {
	var out []string
	for _, p := range e.platforms {
		if !slices.ContainsFunc(got, func(a registry.Attested) bool { return a.Platform == p }) {
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

// verify asks the registry for what was pushed: what it does not serve, no cluster
// can pull.
func (j *job) verify(ctx context.Context) (string, error) {
	digest := j.res.Digest
	j.res.Digest = "" // nothing may be deployed by a name that does not resolve
	for i, tag := range j.res.Tags {
		served, err := j.o.Registry.Digest(ctx, j.repo, tag)
		switch {
		case errors.Is(err, registry.ErrNotFound):
			return "", fmt.Errorf("%s was pushed as %s, but registry %s has no such tag", j.repo.Tag(tag), digest, j.repo.Host())
		case err != nil:
			return "", err
		case served != digest && i == 0:
			return "", fmt.Errorf("%s was pushed as %s, but registry %s serves it as %s: the registry changes what it is given, or somebody pushed the tag meanwhile", j.repo.Tag(tag), digest, j.repo.Host(), served)
		case served != digest:
			// Two jobs that move "latest" at once are no fault of either.
			j.res.Warnings = append(j.res.Warnings, fmt.Sprintf("%s is %s by now and no more %s: somebody pushed it meanwhile", j.repo.Tag(tag), served, digest))
		}
	}
	detail := "the registry serves it"
	if len(j.want.platforms)+len(j.want.predicates) > 0 {
		got, err := j.o.Registry.Attestations(ctx, j.repo, digest)
		if err != nil {
			return "", err
		}
		if missing := j.want.missing(got); missing != "" {
			return "", fmt.Errorf("%s was pushed without %s", j.repo.Digest(digest), missing)
		}
		detail += ", with all that was asked for"
	}
	j.res.Digest = digest
	return detail, nil
}
