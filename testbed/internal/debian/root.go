// Package debian makes file systems from Debian's packages and takes files out
// of them, without entering one: a root is a tar file, and stays one.
package debian

import (
	"context"
	"path/filepath"

	"github.com/buenhyden/hy-home/internal/run"
	"github.com/buenhyden/hy-home/testbed/internal/artifact"
)

// Suite is the release of Debian that everything comes from. It is not the
// newest on purpose: systemd 252 still boots on hosts with cgroup v1, where 256
// needs a kernel argument and 258 does not boot at all.
const Suite = "bookworm"

// tarName is the root's file in its artifact.
const tarName = "root.tar"

// Variants of a root, in mmdebstrap's words.
const (
	Minimal = "minbase" // a system: apt and all that is essential, configured
	Extract = "extract" // the named packages and what they depend on, unpacked only: nothing of it has run
)

// Root is a file system of Debian packages as an artifact.
func Root(runner run.Runner, name, variant string, packages ...string) *artifact.Artifact {
	var r artifact.Recipe
	r.Words(Suite, variant).Words(packages...)
	args := []string{"--quiet", "--variant=" + variant}
	for _, dir := range []string{"doc", "man", "locale", "info"} {
		args = append(args, "--dpkgopt=path-exclude=/usr/share/"+dir+"/*")
	}
	for _, p := range packages {
		args = append(args, "--include="+p)
	}
	return &artifact.Artifact{
		Name: name, Recipe: r.String(), Turn: "debian",
		Make: func(ctx context.Context, dir string, _ func(*artifact.Artifact) string, progress func(string)) error {
			progress("mmdebstrap: fetching and unpacking packages")
			sources, err := sources()
			if err != nil {
				return err
			}
			_, err = runner.Run(ctx, run.Cmd{
				Name: "mmdebstrap",
				Args: append(append(args, Suite, filepath.Join(dir, tarName)), sources...),
			})
			return err
		},
	}
}

// sources are this machine's own lists of Debian archives, when it is a Debian
// of the same suite: they name the mirror that is near, or that works at all.
// Elsewhere mmdebstrap falls back to its own default mirror.
func sources() ([]string, error) {
	return hostSources("/etc/apt", "/etc/os-release")
}
