package node

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/buenhyden/hy-home/internal/run"
	"github.com/buenhyden/hy-home/testbed/internal/image"
	"github.com/buenhyden/hy-home/testbed/internal/parts"
)

// The tags that kubeadm asks for in this version of Kubernetes
// (cmd/kubeadm/app/constants); what is inside comes from the parts.
const (
	etcdTag    = "3.6.5-0"
	corednsTag = "v1.12.1"
	pauseTag   = "3.10.1"
)

// toolsImage holds the pod network's daemon, the volume provisioner and the
// shell that makes volumes; the manifests in files/kind name it.
const toolsImage = "docker.io/hy-home/node-tools:v1"

// preloaded are the images that a bare cluster runs. All share one layer, since
// they would share most of it anyway (hyperkube is nearly all of it): a node
// stores it once.
func preloaded(layer string) []image.Image {
	const registry = "registry.k8s.io/"
	with := func(c image.Config, names ...string) image.Image {
		c.Env = []string{"PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
		return image.Image{Names: names, Layers: []string{layer}, Config: c}
	}
	v := parts.KubernetesVersion
	return []image.Image{
		with(image.Config{Cmd: []string{"sh"}},
			registry+"kube-apiserver:"+v, registry+"kube-controller-manager:"+v, registry+"kube-scheduler:"+v,
			registry+"kube-proxy:"+v, registry+"etcd:"+etcdTag, toolsImage),
		with(image.Config{Entrypoint: []string{"/coredns"}}, registry+"coredns/coredns:"+corednsTag),
		with(image.Config{Entrypoint: []string{"/pause"}}, registry+"pause:"+pauseTag),
	}
}

// shared writes the layer of the preloaded images.
func (b *builder) shared(l *image.Layer) error {
	if err := b.debian.InstallShell(l); err != nil {
		return err
	}
	l.Bytes("/etc/passwd", 0o644, []byte("root:x:0:0:root:/root:/bin/sh\n"))
	l.Copy("/coredns", 0o755, b.program("coredns"))
	l.Copy("/pause", 0o755, b.program("pause"))
	for _, name := range []string{"hyperkube", "podnet", "local-path-provisioner"} {
		l.Copy("/usr/local/bin/"+name, 0o755, b.program(name))
	}
	for _, name := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "etcd", "kubectl"} {
		l.Link("/usr/local/bin/"+name, "hyperkube")
	}
	// kube-proxy and the pod network call these. iptables loads its extensions by
	// name, so that each of them counts as a program.
	programs := []string{"/usr/sbin/xtables-nft-multi", "/usr/sbin/xtables-legacy-multi", "/usr/sbin/nft", "/usr/sbin/conntrack"}
	plugins := b.debian.Glob("/usr/lib/*/xtables/*.so")
	if len(plugins) == 0 {
		return fmt.Errorf("the Debian root has no iptables extensions (/usr/lib/*/xtables/*.so)")
	}
	if err := b.debian.Install(l, append(programs, plugins...)...); err != nil {
		return err
	}
	for _, name := range []string{"iptables", "iptables-save", "iptables-restore", "ip6tables", "ip6tables-save", "ip6tables-restore"} {
		l.Link("/usr/sbin/"+name, "xtables-nft-multi")
	}
	return nil
}

// preload writes a layer with containerd's store, in which the images are
// unpacked already: a node that boots has them at once. A containerd of our own,
// which sees nothing of the host's, does the unpacking.
func (b *builder) preload(ctx context.Context, work, layer string) error {
	shared, archive := filepath.Join(work, "shared.tar"), filepath.Join(work, "images.tar")
	if err := writeLayer(shared, b.shared); err != nil {
		return err
	}
	if err := writeArchive(archive, preloaded(shared)); err != nil {
		return err
	}
	store := filepath.Join(work, "store")
	if err := b.unpack(ctx, store, archive); err != nil {
		return err
	}
	return writeLayer(layer, func(l *image.Layer) error {
		l.Tree("/var/lib/containerd", store, func(rel string) bool {
			return strings.HasPrefix(rel, "tmpmounts/")
		})
		return nil
	})
}

func (b *builder) unpack(ctx context.Context, store, archive string) error {
	// Not in the work directory: the path of a socket has at most 107 bytes.
	state, err := os.MkdirTemp("", "preload-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(state)
	socket := filepath.Join(state, "containerd.sock")
	config := fmt.Sprintf(`version = 2
root = %q
state = %q
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = %q
[ttrpc]
  address = %q
`, store, filepath.Join(state, "state"), socket, socket+".ttrpc")
	file := filepath.Join(state, "config.toml")
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		return err
	}
	log := filepath.Join(b.dir, "containerd.log")
	stop, err := startContainerd(file, log)
	if err != nil {
		return err
	}
	defer stop() //nolint:errcheck // what matters is that it has ended
	ctr := func(args ...string) (string, error) {
		res, err := b.runner.Run(ctx, run.Cmd{Name: "ctr", Args: append([]string{"--address", socket, "--namespace", "k8s.io"}, args...)})
		return res.Stdout, err
	}
	if err := waitFor(ctx, 2*time.Minute, func() error { _, err := ctr("version"); return err }); err != nil {
		return fmt.Errorf("containerd does not answer: %w; its log ends with: %s", err, ending(log))
	}
	if _, err := ctr("images", "import", "--all-platforms", "--snapshotter", "overlayfs", archive); err != nil {
		return err
	}
	if err := dropLayerBlobs(ctx, ctr, store); err != nil {
		return err
	}
	if err := stop(); err != nil {
		return fmt.Errorf("stop containerd: %w", err)
	}
	return os.Remove(log)
}

// dropLayerBlobs removes the packed copy of what is unpacked: it is half the
// size of the store, and nothing reads it again.
//
// containerd forgets a blob at once and deletes its file some time later, which
// must be before it is stopped.
func dropLayerBlobs(ctx context.Context, ctr func(...string) (string, error), store string) error {
	list, err := ctr("content", "ls")
	if err != nil {
		return err
	}
	for _, digest := range largeBlobs(list) {
		if _, err := ctr("content", "rm", digest); err != nil {
			return err
		}
		blob := filepath.Join(store, "io.containerd.content.v1.content", "blobs", strings.Replace(digest, ":", "/", 1))
		err := waitFor(ctx, 2*time.Minute, func() error {
			if exists(blob) {
				return fmt.Errorf("containerd has not deleted %s", blob)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// largeBlobs reads the digests of layers from the table of `ctr content ls`:
// manifests and configurations are a few kB, a layer is some MB.
func largeBlobs(table string) []string {
	var digests []string
	for line := range strings.Lines(table) {
		if f := strings.Fields(line); len(f) > 1 && strings.HasPrefix(f[0], "sha256:") &&
			(strings.HasSuffix(f[1], "MB") || strings.HasSuffix(f[1], "GB")) {
			digests = append(digests, f[0])
		}
	}
	return digests
}

// startContainerd starts it and returns what stops it, which may be called twice.
func startContainerd(config, log string) (stop func() error, err error) {
	out, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	c := exec.Command("containerd", "--config", config)
	c.Stdout, c.Stderr = out, out
	// Not in the terminal's process group: Ctrl-C is for us, and we stop it.
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := c.Start(); err != nil {
		return nil, fmt.Errorf("start containerd: %w", err)
	}
	stopped := false
	return func() error {
		if stopped {
			return nil
		}
		stopped = true
		if err := c.Process.Signal(syscall.SIGTERM); err != nil {
			return err
		}
		return c.Wait()
	}, nil
}

// ending is the last line of a log.
func ending(file string) string {
	data, _ := os.ReadFile(file)
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return lines[len(lines)-1]
}

func waitFor(ctx context.Context, limit time.Duration, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func writeArchive(file string, images []image.Image) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	if err := image.WriteArchive(f, images...); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
