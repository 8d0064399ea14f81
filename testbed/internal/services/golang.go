package services

import (
	"archive/tar"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/buenhyden/hy-home/testbed/internal/artifact"
	"github.com/buenhyden/hy-home/testbed/internal/debian"
	"github.com/buenhyden/hy-home/testbed/internal/image"
)

// GolangPackages is what a build needs beside the toolchain: certificates for
// the module proxy, and git for modules that are fetched from their source. There
// is no C compiler in it, unlike in upstream's.
func GolangPackages() []string { return []string{"ca-certificates", "git"} }

// GolangImage is the toolchain that builds this program, on a small Debian.
func GolangImage(base *artifact.Artifact, goroot string) *artifact.Artifact {
	i := image.Image{Names: []string{Golang}, Config: image.Config{
		WorkingDir: "/go", Cmd: []string{"bash"},
		Env: []string{
			"PATH=/go/bin:/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
			"GOPATH=/go", "GOTOOLCHAIN=local", "CGO_ENABLED=0",
		},
	}}
	a := fromRoot("image-golang", i, func(t *debian.Tree, l *image.Layer, _ func(*artifact.Artifact) string) error {
		if err := whole(t, l); err != nil {
			return err
		}
		l.Dir("/go/bin", 0o777)
		l.Dir("/go/src", 0o777)
		for _, part := range []string{"bin", "lib", "pkg", "src", "go.env", "VERSION"} {
			if _, err := os.Stat(filepath.Join(goroot, part)); err == nil {
				l.Tree("/usr/local/go/"+part, filepath.Join(goroot, part), unneeded)
			}
		}
		return nil
	}, base)
	var r artifact.Recipe
	a.Recipe = r.Words(a.Recipe, runtime.Version()).String()
	return a
}

// whole copies a root as it is, without what apt keeps, and what is under the
// directories that are left out.
func whole(t *debian.Tree, l *image.Layer, without ...string) error {
	without = append(without, "/dev/", "/var/cache/apt/", "/var/lib/apt/lists/")
	return t.All(func(name string, h *tar.Header, r io.Reader) error {
		if !slices.ContainsFunc(without, func(dir string) bool { return strings.HasPrefix(name, dir) }) {
			l.Entry(h, r)
		}
		return nil
	})
}

// unneeded are the toolchain's own tests, a quarter of its files.
func unneeded(rel string) bool {
	name := filepath.Base(rel)
	return name == "testdata" || strings.HasSuffix(name, "_test.go")
}
