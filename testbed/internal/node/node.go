// Package node makes the image of a kind node from Debian packages and Go
// modules, with every image preloaded that a bare cluster runs.
//
// It has three layers: Debian, so that a change of ours does not move it; our
// files and Kubernetes; and containerd's store with the preloaded images.
package node

import (
	"archive/tar"
	"context"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/buenhyden/hy-home/internal/run"
	"github.com/buenhyden/hy-home/testbed/internal/artifact"
	"github.com/buenhyden/hy-home/testbed/internal/debian"
	"github.com/buenhyden/hy-home/testbed/internal/image"
	"github.com/buenhyden/hy-home/testbed/internal/parts"
)

// Name is the image's name, that of upstream's image for the same version.
const Name = "kindest/node:" + parts.KubernetesVersion

//go:embed all:files
var files embed.FS

// Packages is what a node needs of Debian.
func Packages() []string {
	return strings.Fields(`
		systemd systemd-sysv dbus containerd runc containernetworking-plugins
		iptables nftables ebtables conntrack iproute2 ethtool socat libseccomp2
		util-linux mount kmod procps curl iputils-ping ca-certificates jq busybox-static`)
}

// Inputs are the artifacts that a node is made of.
type Inputs struct {
	Debian, Kubernetes, CoreDNS, LocalPath, Tools *artifact.Artifact
}

// format changes when the code here makes something else of the same inputs.
const format = "2"

// Image is the node image as an artifact: an archive with the given name in it.
func Image(runner run.Runner, in Inputs, name string) (*artifact.Artifact, error) {
	var r artifact.Recipe
	r.Words(format, name)
	if err := r.Files(files, nil); err != nil {
		return nil, err
	}
	a := &artifact.Artifact{
		Name:   "image-node",
		Inputs: []*artifact.Artifact{in.Debian, in.Kubernetes, in.CoreDNS, in.LocalPath, in.Tools},
		Recipe: r.String(),
	}
	a.Make = func(ctx context.Context, dir string, path func(*artifact.Artifact) string, progress func(string)) error {
		b := &builder{
			runner: runner, dir: dir, progress: progress,
			program: func(name string) string {
				for _, from := range a.Inputs[1:] {
					if file := filepath.Join(path(from), name); exists(file) {
						return file
					}
				}
				return name // named by the error of whoever opens it
			},
		}
		tree, err := debian.Open(path(in.Debian))
		if err != nil {
			return err
		}
		defer tree.Close()
		b.debian = tree
		return b.build(ctx, name, a.Key())
	}
	return a, nil
}

type builder struct {
	runner   run.Runner
	debian   *debian.Tree
	dir      string
	program  func(name string) string
	progress func(string)
}

func (b *builder) build(ctx context.Context, name, key string) error {
	work, err := os.MkdirTemp(b.dir, "work-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	layers := []string{filepath.Join(work, "debian.tar"), filepath.Join(work, "node.tar"), filepath.Join(work, "store.tar")}
	b.progress("layer of Debian packages")
	if err := writeLayer(layers[0], b.base); err != nil {
		return fmt.Errorf("layer of Debian packages: %w", err)
	}
	b.progress("layer of Kubernetes")
	if err := writeLayer(layers[1], b.node); err != nil {
		return fmt.Errorf("layer of Kubernetes: %w", err)
	}
	b.progress("preloading images")
	if err := b.preload(ctx, work, layers[2]); err != nil {
		return fmt.Errorf("preload images: %w", err)
	}
	b.progress("writing the image")
	return image.Save(b.dir, image.Image{
		Names:  []string{name},
		Layers: layers,
		Config: image.Config{
			Env:        []string{"container=docker", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
			Entrypoint: []string{"/usr/local/bin/entrypoint", "/sbin/init"},
			StopSignal: "SIGRTMIN+3", // systemd's word for "halt"; it ignores SIGTERM
			Labels:     map[string]string{image.KeyLabel: key},
		},
	})
}

// base copies Debian without what must not be in a node.
func (b *builder) base(l *image.Layer) error {
	return b.debian.All(func(name string, h *tar.Header, r io.Reader) error {
		if !unwanted(name) {
			l.Entry(h, r)
		}
		return nil
	})
}

// unwanted are device files, which the engine makes; caches; and the units that
// Debian enables: those that belong to hardware or to a login fail in a
// container, and a node needs none of the rest.
func unwanted(name string) bool {
	for _, dir := range []string{"/dev/", "/var/cache/apt/", "/var/lib/apt/lists/", "/var/log/"} {
		if strings.HasPrefix(name, dir) {
			return true
		}
	}
	wants, unit := path.Split(name)
	target, ok := strings.CutSuffix(path.Base(wants), ".wants")
	if !ok || unit == "" || !strings.Contains(wants, "/systemd/system/") {
		return false
	}
	switch {
	case strings.HasPrefix(wants, "/etc/"):
		return true
	case target == "multi-user.target", target == "local-fs.target", target == "basic.target":
		return true
	case target == "sockets.target":
		return strings.Contains(unit, "udev") || strings.Contains(unit, "initctl")
	case target == "sysinit.target":
		return unit == "systemd-tmpfiles-setup.service" // it would empty /tmp and /run under kind's feet
	}
	return false
}

// node writes Kubernetes, our files and the links that put them to work.
func (b *builder) node(l *image.Layer) error {
	l.Copy("/usr/local/bin/hyperkube", 0o755, b.program("hyperkube"))
	for _, name := range []string{"kubelet", "kubeadm", "kubectl"} {
		l.Link("/usr/bin/"+name, "../local/bin/hyperkube")
	}
	l.Copy("/usr/local/bin/crictl", 0o755, b.program("crictl"))
	l.Copy("/usr/local/sbin/"+parts.RuncBounded, 0o755, b.program(parts.RuncBounded))
	err := fs.WalkDir(files, "files", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		mode := int64(0o644)
		if strings.HasPrefix(name, "files/usr/local/bin/") {
			mode = 0o755
		}
		l.Bytes(strings.TrimPrefix(name, "files"), mode, data)
		return nil
	})
	if err != nil {
		return err
	}
	l.Bytes("/kind/version", 0o644, []byte(parts.KubernetesVersion))
	for _, dir := range []string{"/etc/cni/net.d", "/etc/containerd/certs.d", "/etc/kubernetes/manifests"} {
		l.Dir(dir, 0o755)
	}
	l.Link("/opt/cni/bin", "/usr/lib/cni")
	const units = "/etc/systemd/system/"
	l.Link(units+"multi-user.target.wants/kubelet.service", units+"kubelet.service")
	l.Link(units+"multi-user.target.wants/containerd.service", "/lib/systemd/system/containerd.service")
	l.Link(units+"default.target", "/lib/systemd/system/multi-user.target")
	l.Link(units+"systemd-binfmt.service", "/dev/null") // binary formats are the host's
	return nil
}

func writeLayer(file string, fill func(*image.Layer) error) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	l := image.NewLayer(f)
	if err := fill(l); err != nil {
		f.Close()
		return err
	}
	if err := l.Close(); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}
