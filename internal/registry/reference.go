// Package registry speaks with image registries: it judges names, finds out
// whether a push would be allowed before anything is built, and asks what a
// name points at, puts tags on what is there, and merges images into an index. It
// moves no layers.
package registry

import (
	"errors"
	"fmt"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/pattern"
)

// Repository is a checked name without tag or digest, as the user wrote it:
// "ghcr.io/acme/shop/backend".
type Repository struct {
	repo name.Repository
	text string
}

// String returns the name as it was written.
func (r Repository) String() string { return r.text }

// Host is the registry's host with its port; Docker Hub is "index.docker.io".
func (r Repository) Host() string { return r.repo.RegistryStr() }

// Tag returns "repository:tag".
func (r Repository) Tag(tag string) string { return r.text + ":" + tag }

// Digest returns "repository@digest".
func (r Repository) Digest(digest string) string { return r.text + "@" + digest }

var (
	tagGrammar    = pattern.New(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$`)
	digestGrammar = pattern.New(`^sha256:[0-9a-f]{64}$`)
	pathGrammar   = pattern.New(`^[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*$`)
	hasTag        = pattern.New(`:[^/]*$`)
)

// ParseRepository checks what the input of that name holds. A fault is bad
// input: one sentence that says what would be right.
func ParseRepository(input, value string) (Repository, error) {
	bad := func(format string, args ...any) (Repository, error) {
		return Repository{}, exit.BadInputf("input %s is %q: %s", input, value, fmt.Sprintf(format, args...))
	}
	bare, digest, hasDigest := strings.Cut(value, "@")
	switch {
	case value == "":
		return Repository{}, exit.BadInputf("input %s is empty: give a repository such as ghcr.io/acme/shop/backend", input)
	case strings.Contains(value, "://"):
		return bad("leave out the scheme, as in %q", value[strings.Index(value, "://")+3:])
	case hasDigest:
		return bad("give the repository alone, as in %q; the digest %q is the result of the push", bare, digest)
	case strings.ContainsAny(value, " \t\r\n"):
		return bad("a repository has no spaces")
	case hasTag.MatchString(value) && strings.Contains(value, "/"):
		return bad("give the repository alone, as in %q, and the tag by input tags", hasTag.ReplaceAllString(value, ""))
	case value != strings.ToLower(value):
		// GitHub owners may be in upper case, image names never.
		return bad("a repository is in lower case, as in %q", strings.ToLower(value))
	}
	repo, err := name.NewRepository(value)
	if err == nil && !pathGrammar.MatchString(repo.RepositoryStr()) {
		err = errors.New("each part of the path starts and ends with a letter or a digit")
	}
	if err != nil {
		return bad("it is no repository (%v): write host/path, as in ghcr.io/acme/shop/backend", err)
	}
	return Repository{repo, value}, nil
}

// CheckTag reports a tag that no registry would take as bad input.
func CheckTag(input, tag string) error {
	if !tagGrammar.MatchString(tag) {
		return exit.BadInputf("input %s holds %q: a tag has 1 to 128 letters, digits, underscores, dots and dashes and starts with none of the last two", input, tag)
	}
	return nil
}

// ValidDigest reports whether s is a digest as registries give it.
func ValidDigest(s string) bool { return digestGrammar.MatchString(s) }

func (r Repository) reference(tagOrDigest string) name.Reference {
	if ValidDigest(tagOrDigest) {
		return r.repo.Digest(tagOrDigest)
	}
	return r.repo.Tag(tagOrDigest)
}
