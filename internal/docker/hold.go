package docker

import (
	"context"
	"fmt"
	"slices"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/docker/client"
)

// Shared is the [PlatformLabel] of what several platforms of this machine use: no
// platform is called so, and whoever looks for what one has made does not find it.
// Each of them holds it, and the last one that lets go takes it away.
const Shared = "*"

// holdLabel is on the notes of who uses what: volumes without content, as the
// engine has nothing lighter that outlives a state directory. Its value is what
// is held, a name that no other kind of thing has.
const holdLabel = "io.github.buenhyden.hyaction.holds"

func holdName(platform, what string) string { return platform + "-holds-" + what }

// Hold notes that a platform uses what is shared. It may be called again.
func Hold(ctx context.Context, cli client.VolumeAPIClient, platform, what string) error {
	_, err := cli.VolumeCreate(ctx, volume.CreateOptions{
		Name: holdName(platform, what), Labels: map[string]string{PlatformLabel: platform, holdLabel: what},
	})
	if err != nil {
		return fmt.Errorf("note that platform %s uses %s: %w", platform, what, err)
	}
	return nil
}

// Holds reports that a platform has noted its use.
func Holds(ctx context.Context, cli client.VolumeAPIClient, platform, what string) bool {
	_, err := cli.VolumeInspect(ctx, holdName(platform, what))
	return err == nil
}

// Release takes a platform's note away. It reports whether there was one, and
// which platforms are left.
func Release(ctx context.Context, cli client.VolumeAPIClient, platform, what string) (held bool, others []string, err error) {
	err = cli.VolumeRemove(ctx, holdName(platform, what), false)
	if held = err == nil; !held && !errdefs.IsNotFound(err) {
		return false, nil, fmt.Errorf("remove volume %s: %w", holdName(platform, what), err)
	}
	list, err := cli.VolumeList(ctx, volume.ListOptions{Filters: filters.NewArgs(filters.Arg("label", holdLabel+"="+what))})
	if err != nil {
		return held, nil, fmt.Errorf("list who uses %s: %w", what, err)
	}
	for _, v := range list.Volumes {
		others = append(others, v.Labels[PlatformLabel])
	}
	slices.Sort(others)
	return held, others, nil
}
