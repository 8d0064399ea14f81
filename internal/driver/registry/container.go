package registry

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"path"
	"strconv"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"
	"github.com/docker/go-connections/nat"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/docker"
	"github.com/buenhyden/hy-home/internal/engine"
)

const servePort = nat.Port("5000/tcp")

// memoryLimit is far above what pushes of several images at once were seen to take.
const memoryLimit = 256 << 20

// same reports that a container of ours is as wanted.
func (s settings) same(ctx context.Context, cli *client.Client, ref string, have container.InspectResponse) (bool, error) {
	image, err := cli.ImageInspect(ctx, ref)
	if err != nil {
		return false, fmt.Errorf("inspect image %s: %w", ref, err)
	}
	if have.Image != image.ID || have.NetworkSettings == nil || have.NetworkSettings.Networks[s.Network] == nil {
		return false, nil
	}
	b := have.HostConfig.PortBindings[servePort]
	return len(b) == 1 && b[0].HostPort == strconv.Itoa(s.Port), nil
}

// configFile is copied into the container: what an image brings along differs.
const configFile = "/etc/hy-home/registry.yml"

// config lets a job take back what it pushed.
const config = `version: 0.1
log: {level: warn}
storage:
  filesystem: {rootdirectory: /var/lib/registry}
  delete: {enabled: true}
http: {addr: ":5000"}
`

// start makes the container where there is none, and starts it.
func (s settings) start(ctx context.Context, cli *client.Client, image string, labels map[string]string) error {
	_, err := cli.ContainerCreate(ctx,
		&container.Config{
			Image: image, Entrypoint: []string{"registry"}, Cmd: []string{"serve", configFile},
			ExposedPorts: nat.PortSet{servePort: {}}, Labels: labels,
			// Without it each start complains of a tracing service that is not there.
			Env: []string{"OTEL_TRACES_EXPORTER=none"},
		},
		&container.HostConfig{
			NetworkMode:  container.NetworkMode(s.Network),
			PortBindings: nat.PortMap{servePort: {{HostIP: "127.0.0.1", HostPort: strconv.Itoa(s.Port)}}},
			Mounts: []mount.Mount{{
				Type: mount.TypeVolume, Source: s.Container, Target: "/var/lib/registry",
				VolumeOptions: &mount.VolumeOptions{Labels: labels},
			}},
			RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyUnlessStopped},
			Resources:     container.Resources{Memory: memoryLimit},
		},
		&network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{s.Network: {}}},
		nil, s.Container)
	// Another platform may have made it at this very moment.
	if err != nil && !errdefs.IsConflict(err) {
		return fmt.Errorf("make container %s: %w", s.Container, err)
	}
	if err := cli.CopyToContainer(ctx, s.Container, "/", archive(), container.CopyToContainerOptions{}); err != nil {
		return fmt.Errorf("configure container %s: %w", s.Container, err)
	}
	if err := cli.ContainerStart(ctx, s.Container, container.StartOptions{}); err != nil {
		return fmt.Errorf("start container %s: %w", s.Container, err)
	}
	return nil
}

// archive is a tar of the configuration, rooted at /. Writes to memory cannot fail.
func archive() io.Reader {
	var b bytes.Buffer
	t := tar.NewWriter(&b)
	_ = t.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: path.Dir(configFile)[1:] + "/", Mode: 0o755})
	_ = t.WriteHeader(&tar.Header{Name: configFile[1:], Mode: 0o644, Size: int64(len(config))})
	_, _ = io.WriteString(t, config)
	_ = t.Close()
	return &b
}

// Remove takes the registry away with what it holds, unless it is somebody else's
// or other platforms use it: then only the note of this one goes.
func (d *Driver) Remove(ctx context.Context, c catalog.Component, env engine.Env) (engine.Outcome, error) {
	s, cli, err := d.open(ctx, c)
	if err != nil {
		return "", err
	}
	held, others, err := docker.Release(ctx, cli, env.Name, s.Container)
	if err != nil {
		return "", err
	}
	outcome := engine.Unchanged
	if held {
		outcome = engine.Removed
	}
	if len(others) > 0 {
		env.Warn(fmt.Sprintf("container %s stays: platform %s uses it", s.Container, others[0]))
		return outcome, nil
	}
	have, err := cli.ContainerInspect(ctx, s.Container)
	switch {
	case err != nil && !errdefs.IsNotFound(err):
		return "", fmt.Errorf("inspect container %s: %w", s.Container, err)
	case err == nil && ours(have.Config.Labels):
		if err := cli.ContainerRemove(ctx, have.ID, container.RemoveOptions{Force: true}); err != nil && !errdefs.IsNotFound(err) {
			return "", fmt.Errorf("remove container %s: %w", s.Container, err)
		}
		outcome = engine.Removed
	}
	stored, err := cli.VolumeInspect(ctx, s.Container)
	switch {
	case errdefs.IsNotFound(err), err == nil && !ours(stored.Labels):
		return outcome, nil
	case err != nil:
		return "", fmt.Errorf("inspect volume %s: %w", s.Container, err)
	}
	if err := cli.VolumeRemove(ctx, s.Container, false); err != nil && !errdefs.IsNotFound(err) {
		return "", fmt.Errorf("remove volume %s: %w", s.Container, err)
	}
	return engine.Removed, nil
}
