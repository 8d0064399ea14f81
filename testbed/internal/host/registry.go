package host

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"
	"github.com/docker/go-connections/nat"

	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/testbed/internal/services"
)

// The registry of the test bed: nodes reach it by its name on their network,
// this machine by its published port.
const (
	RegistryName = "hy-registry"
	RegistryAddr = "127.0.0.1:5001" // on this machine
	RegistryHost = "localhost:5001" // the same in the names of images
	Mirror       = "http://" + RegistryName + ":5000"
	registryPort = "5000/tcp"
)

// StartRegistry starts the registry, or again if it stopped. One made from
// another image, or on another network, is replaced and keeps what it holds.
func StartRegistry(ctx context.Context, c *client.Client, progress func(string)) (engine.Outcome, error) {
	want, err := c.ImageInspect(ctx, services.Registry)
	if err != nil {
		return "", err
	}
	have, err := c.ContainerInspect(ctx, RegistryName)
	outcome := engine.Created
	switch {
	case errdefs.IsNotFound(err):
	case err != nil:
		return "", err
	case have.Image == want.ID && have.NetworkSettings.Networks[Network] != nil:
		if have.State.Running && RegistryAnswers(ctx) {
			return engine.Unchanged, nil
		}
		outcome = engine.Configured
	default:
		if err := c.ContainerRemove(ctx, RegistryName, container.RemoveOptions{Force: true, RemoveVolumes: true}); err != nil {
			return "", fmt.Errorf("replace the registry: %w", err)
		}
	}
	if outcome == engine.Created {
		if err := createRegistry(ctx, c); err != nil {
			return "", err
		}
	}
	progress("starting the registry")
	if err := c.ContainerStart(ctx, RegistryName, container.StartOptions{}); err != nil {
		return "", fmt.Errorf("start the registry on %s: %w", RegistryAddr, err)
	}
	for deadline := time.Now().Add(time.Minute); !RegistryAnswers(ctx); {
		if time.Now().After(deadline) {
			return "", fmt.Errorf("the registry does not answer on %s after a minute: see docker logs %s", RegistryAddr, RegistryName)
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	return outcome, nil
}

func createRegistry(ctx context.Context, c *client.Client) error {
	host, port, _ := strings.Cut(RegistryAddr, ":")
	_, err := c.ContainerCreate(ctx,
		&container.Config{
			Image:        services.Registry,
			ExposedPorts: nat.PortSet{registryPort: {}},
			Labels:       map[string]string{Label: "true"},
		},
		&container.HostConfig{
			NetworkMode:   Network,
			PortBindings:  nat.PortMap{registryPort: {{HostIP: host, HostPort: port}}},
			Mounts:        []mount.Mount{{Type: mount.TypeVolume, Source: RegistryName, Target: "/var/lib/registry"}},
			RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyUnlessStopped},
		},
		&network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{Network: {}}},
		nil, RegistryName)
	if err != nil {
		return fmt.Errorf("make the registry: %w", err)
	}
	return nil
}

// RemoveRegistry removes the registry and what it holds.
func RemoveRegistry(ctx context.Context, c *client.Client) (engine.Outcome, error) {
	err := c.ContainerRemove(ctx, RegistryName, container.RemoveOptions{Force: true, RemoveVolumes: true})
	if errdefs.IsNotFound(err) {
		return engine.Unchanged, nil
	}
	if err != nil {
		return "", fmt.Errorf("remove the registry: %w", err)
	}
	if err := c.VolumeRemove(ctx, RegistryName, true); err != nil {
		return "", fmt.Errorf("remove the registry's volume: %w", err)
	}
	return engine.Removed, nil
}

// PushImage puts an image into the registry under its path without a host, where
// nodes look for it that use the registry as a mirror. pushed says that it was
// pushed since the registry was made.
func PushImage(ctx context.Context, c *client.Client, name string) (engine.Outcome, error) {
	path, tag := mirrorPath(name)
	image, err := c.ImageInspect(ctx, name)
	if err != nil {
		return "", err
	}
	// The engine remembers what it pushed where; the registry says what it has.
	mine := RegistryHost + "/" + path
	for _, known := range image.RepoDigests {
		if digest, ok := strings.CutPrefix(known, mine+"@"); ok && registryDigest(ctx, path, tag) == digest {
			return engine.Unchanged, nil
		}
	}
	if err := push(ctx, c, name, mine+":"+tag); err != nil {
		return "", err
	}
	return engine.Created, nil
}

// mirrorPath splits an image's name into the path that a mirror serves it under
// and the tag: docker.io's images of one word belong to "library".
func mirrorPath(name string) (path, tag string) {
	path, tag, _ = strings.Cut(name, ":")
	first, rest, ok := strings.Cut(path, "/")
	switch {
	case !ok:
		return "library/" + path, tag
	case strings.Contains(first, "."):
		return rest, tag
	}
	return path, tag
}

// RegistryAnswers reports whether the registry serves.
func RegistryAnswers(ctx context.Context) bool {
	res, err := registryRequest(ctx, http.MethodGet, "/v2/") //nolint:bodyclose // it comes closed
	return err == nil && res.StatusCode == http.StatusOK
}

// registryDigest is the digest of a tag in the registry, or "" if there is none.
func registryDigest(ctx context.Context, path, tag string) string {
	res, err := registryRequest(ctx, http.MethodHead, "/v2/"+path+"/manifests/"+tag) //nolint:bodyclose // it comes closed
	if err != nil || res.StatusCode != http.StatusOK {
		return ""
	}
	return res.Header.Get("Docker-Content-Digest")
}

func registryRequest(ctx context.Context, method, path string) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://"+RegistryAddr+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/vnd.docker.distribution.manifest.v2+json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	res.Body.Close()
	return res, nil
}
