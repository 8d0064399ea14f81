// Package services makes the images that stand around a cluster: the Rollouts
// controller, Prometheus, Redis, a registry, and a Go toolchain to build with.
//
// Each behaves as the upstream image of the same name does where that matters to
// a manifest: entrypoint, user, working directory, paths. What upstream's has
// beyond that (a package manager, a full shell) these do not.
package services

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/buenhyden/hy-home/testbed/internal/artifact"
	"github.com/buenhyden/hy-home/testbed/internal/debian"
	"github.com/buenhyden/hy-home/testbed/internal/image"
)

// Packages are the Debian packages from which the images' programs are taken. The
// busybox is not the static one: a static program needs glibc's shared libraries
// all the same to look up a name, in the version it was built with.
func Packages() []string {
	return []string{"redis-server", "redis-tools", "prometheus", "docker-registry", "busybox"}
}

// format changes when the code here makes something else of the same inputs.
const format = "1"

// The names of the images.
const (
	Redis      = "redis:7.0.15"
	Prometheus = "prom/prometheus:v2.42.0"
	Registry   = "registry:2.8.2"
	Cache      = "registry:3.0.0"
	Rollouts   = "quay.io/argoproj/argo-rollouts:v1.10.1"
	Golang     = "golang:1.26-bookworm"
)

// passwd names the users that upstream's images run as.
const passwd = `root:x:0:0:root:/root:/bin/sh
redis:x:999:999:redis:/data:/bin/sh
nobody:x:65534:65534:nobody:/:/bin/sh
`

// FromDebian are the images of Debian's programs; root is a root with [Packages].
func FromDebian(root *artifact.Artifact) []*artifact.Artifact {
	return []*artifact.Artifact{
		fromDebian("image-redis", root, image.Image{Names: []string{Redis}, Config: image.Config{
			Cmd: []string{"redis-server"}, WorkingDir: "/data",
		}}, func(t *debian.Tree, l *image.Layer) error {
			l.Dir("/data", 0o777)
			return t.Install(l, "/usr/bin/redis-server", "/usr/bin/redis-cli")
		}),
		fromDebian("image-prometheus", root, image.Image{Names: []string{Prometheus}, Config: image.Config{
			User: "65534", WorkingDir: "/prometheus", Entrypoint: []string{"/bin/prometheus"},
			Cmd: []string{"--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"},
		}}, func(t *debian.Tree, l *image.Layer) error {
			l.Dir("/prometheus", 0o777)
			l.Bytes("/etc/prometheus/prometheus.yml", 0o644, []byte("global: {}\n"))
			l.Link("/bin/prometheus", "/usr/bin/prometheus")
			l.Link("/bin/promtool", "/usr/bin/promtool")
			return t.Install(l, "/usr/bin/prometheus", "/usr/bin/promtool")
		}),
		fromDebian("image-registry", root, image.Image{Names: []string{Registry}, Config: image.Config{
			Entrypoint: []string{"registry"}, Cmd: []string{"serve", "/etc/docker/registry/config.yml"},
		}}, func(t *debian.Tree, l *image.Layer) error {
			l.Dir("/var/lib/registry", 0o755)
			l.Bytes("/etc/docker/registry/config.yml", 0o644, []byte(registryConfig))
			l.Link("/bin/registry", "/usr/bin/docker-registry")
			return t.Install(l, "/usr/bin/docker-registry")
		}),
	}
}

const registryConfig = `version: 0.1
log:
  level: warn
storage:
  filesystem:
    rootdirectory: /var/lib/registry
  delete:
    enabled: true
http:
  addr: :5000
`

func fromDebian(name string, root *artifact.Artifact, i image.Image, fill func(*debian.Tree, *image.Layer) error) *artifact.Artifact {
	return fromRoot(name, i, func(t *debian.Tree, l *image.Layer, _ func(*artifact.Artifact) string) error {
		if err := t.InstallShell(l); err != nil {
			return err
		}
		l.Bytes("/etc/passwd", 0o644, []byte(passwd))
		return fill(t, l)
	}, root)
}

// fromRoot is an image that is filled from a root of Debian's packages, which is the
// first of its inputs, and from where the others are.
func fromRoot(name string, i image.Image, fill func(t *debian.Tree, l *image.Layer, path func(*artifact.Artifact) string) error, inputs ...*artifact.Artifact) *artifact.Artifact {
	a := &artifact.Artifact{Name: name, Inputs: inputs, Recipe: recipe(i)}
	a.Make = func(_ context.Context, dir string, path func(*artifact.Artifact) string, progress func(string)) error {
		progress("writing the image")
		t, err := debian.Open(path(inputs[0]))
		if err != nil {
			return err
		}
		defer t.Close()
		return save(dir, a.Key(), i, func(l *image.Layer) error { return fill(t, l, path) })
	}
	return a
}

// ArgoRollouts is the controller's image, from the part argo-rollouts. Like
// upstream's it has no shell and runs as user 999: the manifests demand a user
// that is not root.
func ArgoRollouts(part *artifact.Artifact) *artifact.Artifact {
	i := image.Image{Names: []string{Rollouts}, Config: image.Config{
		User: "999", WorkingDir: "/", Entrypoint: []string{"/bin/rollouts-controller"},
	}}
	a := &artifact.Artifact{Name: "image-argo-rollouts", Inputs: []*artifact.Artifact{part}, Recipe: recipe(i)}
	a.Make = func(_ context.Context, dir string, path func(*artifact.Artifact) string, progress func(string)) error {
		progress("writing the image")
		return save(dir, a.Key(), i, func(l *image.Layer) error {
			l.Dir("/tmp", 0o1777)
			l.Bytes("/etc/passwd", 0o644, []byte(passwd))
			l.Copy("/bin/rollouts-controller", 0o755, filepath.Join(path(part), "rollouts-controller"))
			return nil
		})
	}
	return a
}

// PullThrough is the registry that the platform runs as its caches, from the part
// distribution: Debian's 2.8 asks upstream twice for each blob that it is asked for,
// once to answer and once to keep.
func PullThrough(part *artifact.Artifact) *artifact.Artifact {
	i := image.Image{Names: []string{Cache}, Config: image.Config{
		Entrypoint: []string{"registry"}, Cmd: []string{"serve", "/etc/distribution/config.yml"},
	}}
	a := &artifact.Artifact{Name: "image-cache", Inputs: []*artifact.Artifact{part}, Recipe: recipe(i)}
	a.Make = func(_ context.Context, dir string, path func(*artifact.Artifact) string, progress func(string)) error {
		progress("writing the image")
		return save(dir, a.Key(), i, func(l *image.Layer) error {
			l.Dir("/tmp", 0o1777)
			l.Dir("/var/lib/registry", 0o755)
			l.Bytes("/etc/passwd", 0o644, []byte(passwd))
			l.Copy("/bin/registry", 0o755, filepath.Join(path(part), "registry"))
			return nil
		})
	}
	return a
}

func recipe(i image.Image) string {
	var r artifact.Recipe
	return r.Words(format, passwd, registryConfig, fmt.Sprintf("%q", i)).String()
}

func save(dir, key string, i image.Image, fill func(*image.Layer) error) error {
	layer, err := os.CreateTemp(dir, "layer-")
	if err != nil {
		return err
	}
	defer os.Remove(layer.Name())
	defer layer.Close()
	l := image.NewLayer(layer)
	if err := fill(l); err != nil {
		return err
	}
	if err := l.Close(); err != nil {
		return err
	}
	i.Layers = append(i.Layers, layer.Name())
	if len(i.Config.Env) == 0 {
		i.Config.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	}
	i.Config.Labels = map[string]string{image.KeyLabel: key}
	return image.Save(dir, i)
}
