package services

import (
	"path/filepath"

	"github.com/buenhyden/hy-home/testbed/internal/artifact"
	"github.com/buenhyden/hy-home/testbed/internal/debian"
	"github.com/buenhyden/hy-home/testbed/internal/image"
)

// BuildKit is the image that buildx makes a builder of the docker-container driver
// from, under the name that buildx asks for.
const BuildKit = "moby/buildkit:buildx-stable-1"

// BuildKitImage is made from the part buildkit, the OCI runtime of the part node-tools,
// and Debian's runc, which a root of Debian's packages must have. Unlike upstream's it
// has no shell and no git: a Git repository cannot be the context of a build in it.
func BuildKitImage(base, part, tools *artifact.Artifact) *artifact.Artifact {
	i := image.Image{Names: []string{BuildKit}, Config: image.Config{Entrypoint: []string{"buildkitd"}}}
	return fromRoot("image-buildkit", i, func(t *debian.Tree, l *image.Layer, path func(*artifact.Artifact) string) error {
		l.Dir("/tmp", 0o1777)
		l.Dir("/etc/buildkit", 0o755)
		l.Bytes("/etc/passwd", 0o644, []byte(passwd))
		l.Copy("/usr/bin/buildkitd", 0o755, filepath.Join(path(part), "buildkitd"))
		l.Copy("/usr/bin/buildctl", 0o755, filepath.Join(path(part), "buildctl"))
		// The name that buildkitd looks for first: a privileged container has no more
		// rights than the machine grants.
		l.Copy("/usr/bin/buildkit-runc", 0o755, filepath.Join(path(tools), "runc-bounded"))
		return t.Install(l, "/usr/sbin/runc")
	}, base, part, tools)
}
