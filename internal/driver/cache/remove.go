package cache

import (
	"context"
	"fmt"
	"slices"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
	"golang.org/x/sync/errgroup"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/docker"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/pull"
)

// Remove takes the caches away, and their volumes unless they are to be kept.
func (d *Driver) Remove(ctx context.Context, c catalog.Component, env engine.Env) (engine.Outcome, error) {
	s, cli, err := d.open(ctx, c)
	if err != nil {
		return "", err
	}
	removed := make([]bool, len(s.Upstreams))
	g, ctx := errgroup.WithContext(ctx)
	for i, host := range s.hosts() {
		g.Go(func() (err error) {
			removed[i], err = removeCache(ctx, cli, pull.CacheName(env.Name, host), env)
			return err
		})
	}
	err = g.Wait()
	if slices.Contains(removed, true) {
		return engine.Removed, err
	}
	return engine.Unchanged, err
}

func removeCache(ctx context.Context, cli *client.Client, name string, env engine.Env) (bool, error) {
	removed := false
	have, err := cli.ContainerInspect(ctx, name)
	switch {
	case errdefs.IsNotFound(err):
	case err != nil:
		return false, fmt.Errorf("inspect container %s: %w", name, err)
	case have.Config.Labels[docker.PlatformLabel] == env.Name:
		if err := remove(ctx, cli, have.ID); err != nil {
			return false, err
		}
		removed = true
	}
	if env.Values[pull.KeepValue] == "true" {
		return removed, nil
	}
	volume, err := cli.VolumeInspect(ctx, name)
	if errdefs.IsNotFound(err) || err == nil && volume.Labels[docker.PlatformLabel] != env.Name {
		return removed, nil
	}
	if err == nil {
		err = cli.VolumeRemove(ctx, name, false)
	}
	if err != nil && !errdefs.IsNotFound(err) {
		return removed, fmt.Errorf("remove volume %s: %w", name, err)
	}
	return true, nil
}

func remove(ctx context.Context, cli *client.Client, id string) error {
	err := cli.ContainerRemove(ctx, id, container.RemoveOptions{Force: true})
	if err != nil && !errdefs.IsNotFound(err) {
		return fmt.Errorf("remove container %s: %w", id, err)
	}
	return nil
}
