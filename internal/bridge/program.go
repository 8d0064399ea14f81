package bridge

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/buenhyden/hy-home/internal/docker"
)

// Program is a static program on this machine that can be brought to both sides
// of the bridge, so that a proof needs no image of its own from any registry:
// into a node as an image, into the data tier as a file of a container.
type Program struct{ Path string }

// ProgramPath is where it lies in the image and in the container.
const ProgramPath = "/hyaction"

// imageName is one that no registry serves: whoever runs the image must have
// been given it.
const imageName = "hyaction.local/hyaction"

// layer writes the program as a tar that is the same every time.
func (p Program) layer(w io.Writer) error {
	f, err := os.Open(p.Path)
	if err != nil {
		return fmt.Errorf("read this program: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("read this program: %w", err)
	}
	t := tar.NewWriter(w)
	if err := writeFile(t, strings.TrimPrefix(ProgramPath, "/"), 0o755, info.Size(), f); err != nil {
		return err
	}
	return t.Close()
}

// static reports that the program needs nothing of the image that it runs in.
func (p Program) static() error {
	f, err := elf.Open(p.Path)
	if err != nil {
		return fmt.Errorf("this hyaction runs in no container, as it is made for %s: %w", runtime.GOOS, err)
	}
	defer f.Close()
	if slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		return errors.New("this hyaction runs in no container, as it is linked dynamically: build it with CGO_ENABLED=0")
	}
	return nil
}

func writeFile(t *tar.Writer, name string, mode fs.FileMode, size int64, from io.Reader) error {
	if err := t.WriteHeader(&tar.Header{Name: name, Mode: int64(mode), Size: size, ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR}); err != nil {
		return fmt.Errorf("pack %s: %w", name, err)
	}
	if _, err := io.Copy(t, from); err != nil {
		return fmt.Errorf("pack %s: %w", name, err)
	}
	return nil
}

// measured is a layer's digest and size, which stand before it in an image.
type measured struct {
	digest string // hexadecimal SHA-256
	size   int64
}

func (p Program) measure() (measured, error) {
	hash := sha256.New()
	count := &counter{w: hash}
	err := p.layer(count)
	return measured{hex.EncodeToString(hash.Sum(nil)), count.n}, err
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

// archive writes an image of the one layer in the form of `docker save`.
func (p Program) archive(w io.Writer, ref string, m measured) error {
	config, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH, "os": "linux",
		"config": map[string]any{"Entrypoint": []string{ProgramPath}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + m.digest}},
	})
	if err != nil {
		return err
	}
	sum := sha256.Sum256(config)
	configName, layerName := hex.EncodeToString(sum[:])+".json", m.digest+".tar"
	manifest, err := json.Marshal([]any{map[string]any{"Config": configName, "RepoTags": []string{ref}, "Layers": []string{layerName}}})
	if err != nil {
		return err
	}
	t := tar.NewWriter(w)
	for name, text := range map[string][]byte{"manifest.json": manifest, configName: config} {
		if err := writeFile(t, name, 0o644, int64(len(text)), bytes.NewReader(text)); err != nil {
			return err
		}
	}
	reader, writer := io.Pipe()
	go func() { writer.CloseWithError(p.layer(writer)) }()
	defer reader.Close()
	if err := writeFile(t, layerName, 0o644, m.size, reader); err != nil {
		return err
	}
	return t.Close()
}

// Labels say that the platform made a container.
func Labels(platform string) map[string]string {
	return map[string]string{docker.PlatformLabel: platform}
}

// Load gives a node the program as an image, unless it has it, and returns the
// image's name. The name holds the digest of what is in it.
func (b Bridge) Load(ctx context.Context, node string, p Program) (ref string, err error) {
	if err := p.static(); err != nil {
		return "", err
	}
	m, err := p.measure()
	if err != nil {
		return "", err
	}
	ref = imageName + ":" + m.digest[:12]
	const client, namespace = "ctr", "--namespace=k8s.io" // where the kubelet looks
	there, err := b.exec(ctx, node, client, namespace, "images", "list", "--quiet", "name=="+ref)
	if err != nil {
		return "", fmt.Errorf("node %s: list images: %w", node, err)
	}
	if strings.TrimSpace(there) == ref {
		return ref, nil
	}
	reader, writer := io.Pipe()
	go func() { writer.CloseWithError(p.archive(writer, ref, m)) }()
	defer reader.Close()
	// Not unpacked here: the kubelet's side does that with the snapshotter it is
	// configured for, which this command would have to guess.
	if _, err := b.feed(ctx, node, reader, client, namespace, "images", "import", "--no-unpack", "-"); err != nil {
		return "", fmt.Errorf("node %s: import image %s: %w", node, ref, err)
	}
	return ref, nil
}

// Run runs the program once in a container on the network and returns what it
// printed. The container is made from the image of one that is there already,
// of which it uses nothing, and is gone afterwards.
func (b Bridge) Run(ctx context.Context, name string, p Program, labels map[string]string, env []string, args ...string) (string, error) {
	if err := p.static(); err != nil {
		return "", err
	}
	image, err := b.anyImage(ctx)
	if err != nil {
		return "", err
	}
	force := container.RemoveOptions{Force: true, RemoveVolumes: true}
	if err := b.Docker.ContainerRemove(ctx, name, force); err != nil && !errdefs.IsNotFound(err) { // left by a run that was killed
		return "", fmt.Errorf("remove container %s: %w", name, err)
	}
	_, err = b.Docker.ContainerCreate(ctx,
		&container.Config{Image: image, Entrypoint: []string{ProgramPath}, Cmd: args, Env: env, User: "65534:65534", Labels: labels, Healthcheck: &container.HealthConfig{Test: []string{"NONE"}}},
		&container.HostConfig{NetworkMode: container.NetworkMode(b.Network), CapDrop: []string{"ALL"}, SecurityOpt: []string{"no-new-privileges"}},
		&network.NetworkingConfig{}, nil, name)
	if err != nil {
		return "", fmt.Errorf("create container %s: %w", name, err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = b.Docker.ContainerRemove(ctx, name, force)
	}()
	reader, writer := io.Pipe()
	go func() { writer.CloseWithError(p.layer(writer)) }()
	defer reader.Close()
	if err := b.Docker.CopyToContainer(ctx, name, "/", reader, container.CopyToContainerOptions{}); err != nil {
		return "", fmt.Errorf("copy %s into container %s: %w", ProgramPath, name, err)
	}
	if err := b.Docker.ContainerStart(ctx, name, container.StartOptions{}); err != nil {
		return "", fmt.Errorf("start container %s: %w", name, err)
	}
	ended, failed := b.Docker.ContainerWait(ctx, name, container.WaitConditionNotRunning)
	select {
	case err := <-failed:
		return "", fmt.Errorf("wait for container %s: %w", name, err)
	case <-ended:
	}
	log, err := b.Docker.ContainerLogs(ctx, name, container.LogsOptions{ShowStdout: true, ShowStderr: true})
	if err != nil {
		return "", fmt.Errorf("read the log of container %s: %w", name, err)
	}
	defer log.Close()
	var stdout, stderr bytes.Buffer
	if _, err := stdcopy.StdCopy(&stdout, &stderr, log); err != nil {
		return "", fmt.Errorf("read the log of container %s: %w", name, err)
	}
	if stdout.Len() == 0 {
		return "", fmt.Errorf("container %s printed nothing: %s", name, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

// anyImage is the image of a container on the network that is no node.
func (b Bridge) anyImage(ctx context.Context) (string, error) {
	list, err := b.Docker.ContainerList(ctx, container.ListOptions{
		Filters: filters.NewArgs(filters.Arg("network", b.Network), filters.Arg("status", "running")),
	})
	if err != nil {
		return "", fmt.Errorf("list the containers on docker network %s: %w", b.Network, err)
	}
	i := slices.IndexFunc(list, func(c container.Summary) bool { return c.Labels[clusterLabel] == "" })
	if i < 0 {
		return "", fmt.Errorf("no container runs on docker network %s", b.Network)
	}
	return list[i].ImageID, nil
}
