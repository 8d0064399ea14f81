package cache

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"
	"github.com/docker/go-connections/nat"
	"gopkg.in/yaml.v3"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/docker"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/pull"
)

// configFile is copied into the container, readable for its root alone: it may
// hold a password, which neither argument lists, environment nor labels may.
const configFile = "/etc/hy-home/cache.yml"

// The ports in the container; on this machine they are published on loopback, on
// whatever port is free.
const (
	servePort = nat.Port("5000/tcp")
	debugPort = nat.Port("5001/tcp")
)

// memoryLimit of one cache: 23 MiB were resident at the peak of three images at once.
const memoryLimit = 128 << 20

// wanted is one cache as it should be.
type wanted struct {
	name, platform, image, network, upstream string
	config                                   []byte
}

func (s Settings) wanted(c catalog.Component, host string, env engine.Env) wanted {
	w := wanted{
		name: pull.CacheName(env.Name, host), platform: env.Name, image: c.Images[0],
		network: s.Network, upstream: s.Upstreams[host],
	}
	if mirror := env.Values[pull.MirrorValue]; mirror != "" {
		w.upstream = mirror
	}
	username, password := s.credentials(host, env)
	w.config = config(w.upstream, username, password)
	return w
}

// credentials are those that the cache of a host has for its upstream, if any: they
// are Docker Hub's, and no mirror's.
func (s Settings) credentials(host string, env engine.Env) (username, password string) {
	if host != "docker.io" || env.Values[pull.MirrorValue] != "" || env.Values[pull.UsernameValue] == "" {
		return "", ""
	}
	return env.Values[pull.UsernameValue], env.Secrets[pull.PasswordSecret]
}

// config is the registry's own. Deleting is allowed because the registry drops
// by that way what has not been asked for in a week.
func config(upstream, username, password string) []byte {
	type m = map[string]any
	proxy := m{"remoteurl": upstream}
	if username != "" {
		proxy["username"], proxy["password"] = username, password
	}
	text, err := yaml.Marshal(m{
		"version": 0.1,
		"log":     m{"level": "warn"},
		"storage": m{"filesystem": m{"rootdirectory": "/var/lib/registry"}, "delete": m{"enabled": true}},
		"http":    m{"addr": ":5000", "debug": m{"addr": ":5001"}},
		"proxy":   proxy,
	})
	if err != nil {
		panic(err) // maps of strings can be marshalled
	}
	return text
}

// same reports that a container is as wanted. What is in the file is compared,
// not a digest in a label: one of a password could be guessed from.
func (w wanted) same(ctx context.Context, cli *client.Client, have container.InspectResponse) (bool, error) {
	image, err := cli.ImageInspect(ctx, w.image)
	if err != nil {
		return false, fmt.Errorf("inspect image %s: %w", w.image, err)
	}
	if have.Image != image.ID || have.NetworkSettings == nil || have.NetworkSettings.Networks[w.network] == nil {
		return false, nil
	}
	rc, _, err := cli.CopyFromContainer(ctx, have.ID, configFile)
	if err != nil {
		return false, nil //nolint:nilerr // half made: it has no configuration yet
	}
	defer rc.Close()
	r := tar.NewReader(rc)
	if _, err := r.Next(); err != nil {
		return false, fmt.Errorf("read %s of %s: %w", configFile, w.name, err)
	}
	text, err := io.ReadAll(io.LimitReader(r, 1<<20))
	return bytes.Equal(text, w.config), err
}

func (w wanted) create(ctx context.Context, cli *client.Client) error {
	labels := map[string]string{docker.PlatformLabel: w.platform}
	published := []nat.PortBinding{{HostIP: "127.0.0.1"}}
	made, err := cli.ContainerCreate(ctx,
		&container.Config{
			Image: w.image, Entrypoint: []string{"registry"}, Cmd: []string{"serve", configFile},
			// Without it each start of the registry complains of a tracing service that is not there.
			Env:          []string{"OTEL_TRACES_EXPORTER=none"},
			ExposedPorts: nat.PortSet{servePort: {}, debugPort: {}},
			Labels:       labels,
		},
		&container.HostConfig{
			NetworkMode:  container.NetworkMode(w.network),
			PortBindings: nat.PortMap{servePort: published, debugPort: published},
			Mounts: []mount.Mount{{
				Type: mount.TypeVolume, Source: w.name, Target: "/var/lib/registry",
				VolumeOptions: &mount.VolumeOptions{Labels: labels},
			}},
			RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyUnlessStopped},
			Resources:     container.Resources{Memory: memoryLimit},
		},
		&network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{w.network: {}}},
		nil, w.name)
	if err != nil {
		return fmt.Errorf("make container %s: %w", w.name, err)
	}
	if err := cli.CopyToContainer(ctx, made.ID, "/", w.archive(), container.CopyToContainerOptions{}); err != nil {
		return fmt.Errorf("configure container %s: %w", w.name, err)
	}
	if err := cli.ContainerStart(ctx, made.ID, container.StartOptions{}); err != nil {
		return fmt.Errorf("start container %s: %w", w.name, err)
	}
	return nil
}

// archive is a tar of the configuration, rooted at /. Writes to memory cannot
// fail, and the headers are ours.
func (w wanted) archive() io.Reader {
	var b bytes.Buffer
	t := tar.NewWriter(&b)
	_ = t.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: path.Dir(configFile)[1:] + "/", Mode: 0o700})
	_ = t.WriteHeader(&tar.Header{Name: configFile[1:], Mode: 0o600, Size: int64(len(w.config))})
	_, _ = t.Write(w.config)
	_ = t.Close()
	return &b
}

// errNotPublished: the container does not run, or starts at this moment.
var errNotPublished = errors.New("its port is not published")

// address is where a port of a cache is reached on this machine.
func address(ctx context.Context, cli *client.Client, name string, port nat.Port) (string, error) {
	c, err := cli.ContainerInspect(ctx, name)
	if err != nil {
		return "", err
	}
	if c.NetworkSettings != nil {
		for _, b := range c.NetworkSettings.Ports[port] {
			if b.HostPort != "" {
				return "127.0.0.1:" + b.HostPort, nil
			}
		}
	}
	return "", fmt.Errorf("container %s: %w", name, errNotPublished)
}
