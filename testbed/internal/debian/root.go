// Package debian makes file systems from Debian's packages and takes files out
// of them, without entering one: a root is a tar file, and stays one.
package debian

import (
	"context"
	"path/filepath"
	"slices"
	"strings"

	"github.com/buenhyden/hy-home/internal/run"
	"github.com/buenhyden/hy-home/testbed/internal/artifact"
)

// Releases of Debian.
const (
	// Bookworm is what nodes boot from. It is not the newest on purpose: systemd 252
	// still boots on hosts with cgroup v1, where 256 needs a kernel argument and 258
	// does not boot at all.
	Bookworm = "bookworm"
	// Trixie has what is nearest to the versions of the data tier; nothing of it boots.
	Trixie = "trixie"
)

// tarName is the root's file in its artifact.
const tarName = "root.tar"

// Variants of a root, in mmdebstrap's words.
const (
	Minimal = "minbase" // a system: apt and all that is essential, configured
	Extract = "extract" // the named packages and what they depend on, unpacked only: nothing of it has run
)

// Root is a file system of Debian packages as an artifact.
func Root(runner run.Runner, suite, name, variant string, packages ...string) *artifact.Artifact {
	var r artifact.Recipe
	r.Words(suite, variant).Words(packages...)
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
			cmd := run.Cmd{Name: "mmdebstrap", Args: append(slices.Clone(args), suite, filepath.Join(dir, tarName))}
			sources, err := hostSources("/etc/apt", "/etc/os-release", suite)
			if err != nil {
				return err
			}
			if sources != "" {
				cmd.Args, cmd.Stdin = append(cmd.Args, "-"), strings.NewReader(sources)
			}
			_, err = runner.Run(ctx, cmd)
			return err
		},
	}
}
