package builder

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/pattern"
)

// IsRemote reports whether a context is fetched by the builder: a Git repository
// or an archive, as buildx and the engine tell it from a directory.
func IsRemote(context string) bool {
	return slices.ContainsFunc([]string{"http://", "https://", "git://", "ssh://", "git@", "github.com/"}, func(prefix string) bool {
		return strings.HasPrefix(context, prefix)
	})
}

// gitContext is a Git repository over HTTPS with what follows it: #ref:directory, or
// ?query.
var gitContext = pattern.New(`^(https://[^/\s?#]+/[^\s?#]+?)(?:\.git)?(?:[?#]\S*)?$`)

// GitRepository is the address of the repository that a context is, without ".git",
// and what stands behind "#" before a ":"; "" when it is none over HTTPS.
func GitRepository(context string) (repository, ref string) {
	m := gitContext.FindStringSubmatch(context)
	if m == nil {
		return "", ""
	}
	_, fragment, _ := strings.Cut(context, "#")
	ref, _, _ = strings.Cut(fragment, ":")
	return m[1], ref
}

// CheckContext reports a context or a Dockerfile that is not there. What the builder
// fetches itself cannot be looked into.
func (o Options) CheckContext() error {
	if o.Dockerfile != "" && o.File != "" {
		return exit.BadInputf("inputs file and dockerfile-inline exclude one another: give one")
	}
	if IsRemote(o.Context) {
		if hasUser(o.Context) {
			return exit.BadInputf("input context holds a user or a password: other users can read argument lists, so give the token by input github-token, or by input secrets as GIT_AUTH_TOKEN")
		}
		return nil
	}
	if info, err := os.Stat(o.Context); err != nil || !info.IsDir() {
		return exit.BadInputf("input context is %q: it must be a directory that exists, or a URL", o.Context)
	}
	if o.Dockerfile != "" {
		return nil
	}
	name, file := "file", o.File
	if file == "" {
		name, file = "context", filepath.Join(o.Context, "Dockerfile")
	}
	if info, err := os.Stat(file); err != nil || !info.Mode().IsRegular() {
		return exit.BadInputf("input %s: there is no Dockerfile at %s", name, file)
	}
	return nil
}

// ByDigest reports whether an output pushes by digest alone, without the tags, as for
// platforms that are built in parallel jobs and merged afterwards.
func (o Options) ByDigest() bool {
	return slices.ContainsFunc(o.Outputs, func(out string) bool { return attribute(out, "push-by-digest") == "true" })
}
