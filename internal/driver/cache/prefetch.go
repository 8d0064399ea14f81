package cache

import (
	"context"
	"errors"
	"fmt"
	"strings"

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
	err = d.prefetch(ctx, s, image, env)
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil && d.refused[host] && !errors.Is(err, engine.ErrMismatch) {
		err = fmt.Errorf("%w (asked for as nobody, as docker-username and docker-password were refused)", err)
	}
	return err
}

func (d *Driver) prefetch(ctx context.Context, s Settings, image string, env engine.Env) error {
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
	if pinned == image || errors.Is(err, registry.ErrUnreachable) || ctx.Err() != nil {
		return err
	}
	// The cache says 500 for a digest that its upstream does not have. When the tag
	// is answered, and the digest still is not, upstream is well and lacks it.
	tag, tagErr := images.Describe(ctx, image)
	if tagErr != nil || strings.HasSuffix(pinned, "@"+tag.Digest) {
		return err
	}
	if _, err = images.Warm(ctx, pinned); err == nil || ctx.Err() != nil {
		return err
	}
	return fmt.Errorf("%w: image %s: the lock says %s, which its registry does not have; its tag stands for %s now",
		engine.ErrMismatch, image, digest(pinned), tag.Digest)
}

func digest(pinned string) string {
	_, d, _ := strings.Cut(pinned, "@")
	return d
}
