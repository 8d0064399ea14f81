package compose

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/docker/compose/v2/pkg/api"
	"github.com/docker/docker/api/types/filters"
	dockerimage "github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/docker"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/pull"
	"github.com/buenhyden/hy-home/internal/registry"
)

var _ engine.Builder = (*Driver)(nil)

// Build makes sure that the image of a service is what its build section says.
//
// The builder is asked in every run: what is in the checkout is what runs, as with
// `docker compose up --build`, and where nothing has changed the builder's cache
// answers. A pull_policy of the file decides otherwise: missing (if_not_present)
// and never take the image that is there, missing and all others ask the registry
// first, and each of them builds what is not to be had.
func (d *Driver) Build(ctx context.Context, c catalog.Component, name string, env engine.Env) (engine.Outcome, error) {
	u, err := loadUser(ctx, c, env)
	if err != nil {
		return "", err
	}
	b, ok := u.builds[name]
	if !ok {
		return "", fmt.Errorf("service %s is not built", name)
	}
	cli, err := d.docker.Client(ctx)
	if err != nil {
		return "", err
	}
	before, err := imageID(ctx, cli, b.name)
	if err != nil {
		return "", err
	}
	if had, err := d.had(ctx, b, env, before != ""); err != nil || !had {
		if err != nil {
			return "", err
		}
		if err := u.solve(ctx, cli, b); err != nil {
			return "", err
		}
	}
	after, err := imageID(ctx, cli, b.name)
	switch {
	case err != nil:
		return "", err
	case after == "":
		return "", b.failure(fmt.Errorf("the builder ended well, but the engine has no image %s", b.name))
	case before == "":
		return engine.Created, nil
	case before != after:
		return engine.Configured, nil
	}
	return engine.Unchanged, nil
}

// had reports that an image is there, or was pulled, and need not be built.
func (d *Driver) had(ctx context.Context, b image, env engine.Env, there bool) (bool, error) {
	switch b.policy {
	case "", types.PullPolicyBuild:
		return false, nil
	case types.PullPolicyNever:
		return there, nil
	case types.PullPolicyMissing, types.PullPolicyIfNotPresent:
		if there || b.ours {
			return there, nil
		}
	}
	if b.ours {
		return false, nil // the name is nobody's but this machine's
	}
	ref, err := reference.ParseNormalizedNamed(b.name)
	if err != nil {
		return false, err
	}
	full := reference.TagNameOnly(ref).String()
	login := docker.Login{Username: env.Values[pull.UsernameValue], Password: env.Secrets[pull.PasswordSecret]}
	if pull.Host(full) != "docker.io" || login.Password == "" {
		known, err := registry.Known(full)
		if err != nil {
			return false, err
		}
		login = docker.Login(known)
	}
	if _, err := d.docker.Refresh(ctx, full, login, env.Progress); err != nil {
		if ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
		env.Progress(err.Error() + ": it is built")
		return false, nil
	}
	return true, nil
}

// buildMissing builds what the engine does not have when the component starts,
// such as an image that was removed since.
func (d *Driver) buildMissing(ctx context.Context, cli *client.Client, c catalog.Component, env engine.Env) error {
	u, err := loadUser(ctx, c, env)
	if err != nil {
		return err
	}
	for _, name := range u.ordered {
		id, err := imageID(ctx, cli, u.builds[name].name)
		if err != nil {
			return err
		}
		if id == "" {
			if _, err := d.Build(ctx, c, name, env); err != nil {
				return err
			}
		}
	}
	return nil
}

// isBuilt reports that an image is one that is built here.
func (u *userProject) isBuilt(name string) bool {
	for _, b := range u.builds {
		if b.name == name {
			return true
		}
	}
	return false
}

// imageID is what a name stands for in the engine; "" is nothing.
func imageID(ctx context.Context, cli *client.Client, name string) (string, error) {
	i, err := cli.ImageInspect(ctx, name)
	if errdefs.IsNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("inspect image %s: %w", name, err)
	}
	return i.ID, nil
}

// removeImages removes the images that were built under names of ours, also those
// that newer ones have taken the name from. One that others use stays.
func removeImages(ctx context.Context, cli *client.Client, project, platform string, progress func(string)) (removed bool, err error) {
	list, err := cli.ImageList(ctx, dockerimage.ListOptions{Filters: filters.NewArgs(
		filters.Arg("label", api.ProjectLabel+"="+project), filters.Arg("label", docker.PlatformLabel+"="+platform))})
	if err != nil {
		return false, fmt.Errorf("list the images of %s: %w", project, err)
	}
	for _, i := range list {
		names := slices.DeleteFunc(slices.Clone(i.RepoTags), func(tag string) bool { return !strings.HasPrefix(tag, project+api.Separator) })
		if len(i.RepoTags) == 0 {
			names = []string{i.ID}
		}
		for _, name := range names {
			_, err := cli.ImageRemove(ctx, name, dockerimage.RemoveOptions{PruneChildren: true})
			switch {
			case errdefs.IsNotFound(err):
			case errdefs.IsConflict(err):
				progress(fmt.Sprintf("image %s stays: %s", name, err))
			case err != nil:
				return removed, fmt.Errorf("remove image %s: %w", name, err)
			default:
				removed = true
			}
		}
	}
	return removed, nil
}
