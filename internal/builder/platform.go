package builder

import (
	"regexp"
	"strings"
)

// What "buildx inspect" says of a builder. Its platforms are told once it runs, its
// own first, with a star behind one that was asked for when it was made.
var (
	platformLine = regexp.MustCompile(`(?m)^Platforms:\s+([a-z0-9/]+)`)
	driverLine   = regexp.MustCompile(`(?m)^Driver:\s+(\S+)`)
)

// builderPlatform is the platform that a builder of buildx builds for without a word;
// it may be on another machine than the engine, and has the engine's until it runs.
func builderPlatform(inspected, engine string) string {
	if m := platformLine.FindStringSubmatch(inspected); m != nil {
		return m[1]
	}
	return engine
}

// driver is that of a builder, and whether its images are in containerd's store.
func driver(inspected string) (name string, containerd bool) {
	if m := driverLine.FindStringSubmatch(inspected); m != nil {
		name = m[1]
	}
	return name, strings.Contains(inspected, "org.mobyproject.buildkit.worker.snapshotter")
}

// RewritesTimes reports whether the tool can give the files of an image the time of
// its epoch: BuildKit inside of an engine with the classic image store cannot.
func (t Tool) RewritesTimes() bool {
	return t.Mode == Buildx && (t.Driver != "docker" || t.Containerd)
}
