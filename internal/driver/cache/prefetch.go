package cache

import (
	"context"
	"errors"
	"fmt"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/pull"
	"github.com/buenhyden/hy-home/internal/registry"
)

// Prefetch has the cache of an image's host fetch all of it, for the platform of
// the nodes. An image of another host is left to the nodes.
//
// That the registry does not have the digest which the lock names is an error,
// and the only one that is meant to end a run.
func (d *Driver) Prefetch(ctx context.Context, c catalog.Component, image string, env engine.Env) error {
	s, err := settings(c)
	if err != nil {
		return err
	}
	host := pull.Host(image)
	if s.Upstreams[host] == "" {
		return nil
	}
	cli, err := d.docker.Client(ctx)
	if err != nil {
		return err
	}
	version, err := cli.ServerVersion(ctx)
	if err != nil {
		return fmt.Errorf("ask the Docker engine about itself: %w", err)
	}
	at, err := address(ctx, cli, pull.CacheName(env.Name, host), servePort)
	if err != nil {
		return err
	}
	images := registry.Images{Via: "http://" + at, Platform: "linux/" + version.Arch}
	pinned := env.Lock.Pin(image)
	fetched, err := images.Warm(ctx, pinned)
	if err == nil {
		env.Progress(fmt.Sprintf("%s in the cache", catalog.Bytes(fetched.Size)))
		return nil
	}
	if errors.Is(err, registry.ErrNotFound) && pinned != image {
		now := "its tag is not there either"
		if d, err := images.Describe(ctx, image); err == nil {
			now = "its tag stands for " + d.Digest
		}
		return fmt.Errorf("%w: image %s: the lock says %s, which the registry does not have; %s", engine.ErrMismatch, image, pinned, now)
	}
	return err
}
