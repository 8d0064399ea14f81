package compose

import (
	"context"
	"fmt"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/compose/v2/pkg/api"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/docker/client"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/docker"
	"github.com/buenhyden/hy-home/internal/engine"
)

// stopTimeout is what a container gets to stop before it is killed: the data
// goes with it, so there is nothing to flush.
const stopTimeout = 2 * time.Second

// Remove takes the project's containers, volumes and the images that were built
// under names of ours away.
func (d *Driver) Remove(ctx context.Context, c catalog.Component, env engine.Env) (engine.Outcome, error) {
	cli, err := d.docker.Client(ctx)
	if err != nil {
		return "", err
	}
	name := ProjectName(env.Name, c.Name)
	there, err := exists(ctx, cli, name, env.Name)
	if err != nil {
		return "", err
	}
	if !there {
		out := engine.Unchanged
		if removed, err := removeImages(ctx, cli, name, env.Name, env.Progress); err != nil {
			return "", err
		} else if removed {
			out = engine.Removed
		}
		return out, forgetMade(env, c)
	}
	env.Progress("remove containers and volumes")
	service, err := newService(cli, env)
	if err != nil {
		return "", err
	}
	timeout := stopTimeout
	// Without the project's file: what an older version of it made goes too.
	if err := service.Down(ctx, name, api.DownOptions{RemoveOrphans: true, Volumes: true, Timeout: &timeout}); err != nil {
		return "", fmt.Errorf("compose down %s: %w", name, err)
	}
	if err := removeVolumes(ctx, cli, name, env.Name); err != nil {
		return "", err
	}
	if _, err := removeImages(ctx, cli, name, env.Name, env.Progress); err != nil {
		return "", err
	}
	return engine.Removed, forgetMade(env, c)
}

// exists reports that containers or volumes of a project are there which the
// platform made.
func exists(ctx context.Context, cli *client.Client, project, platform string) (bool, error) {
	ours := filters.NewArgs(filters.Arg("label", api.ProjectLabel+"="+project), filters.Arg("label", docker.PlatformLabel+"="+platform))
	cs, err := cli.ContainerList(ctx, container.ListOptions{All: true, Filters: ours})
	if err != nil {
		return false, fmt.Errorf("list the containers of %s: %w", project, err)
	}
	vs, err := cli.VolumeList(ctx, volume.ListOptions{Filters: ours})
	if err != nil {
		return false, fmt.Errorf("list the volumes of %s: %w", project, err)
	}
	return len(cs)+len(vs.Volumes) > 0, nil
}

// removeVolumes removes what Compose's Down leaves: it learns of volumes from
// the containers, so without containers it finds none.
func removeVolumes(ctx context.Context, cli *client.Client, project, platform string) error {
	vs, err := cli.VolumeList(ctx, volume.ListOptions{Filters: filters.NewArgs(
		filters.Arg("label", api.ProjectLabel+"="+project), filters.Arg("label", docker.PlatformLabel+"="+platform))})
	if err != nil {
		return fmt.Errorf("list the volumes of %s: %w", project, err)
	}
	for _, v := range vs.Volumes {
		if err := cli.VolumeRemove(ctx, v.Name, false); err != nil && !errdefs.IsNotFound(err) {
			return fmt.Errorf("remove volume %s: %w", v.Name, err)
		}
	}
	return nil
}
