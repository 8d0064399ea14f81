package compose

import (
	"context"
	"fmt"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"

	"github.com/buenhyden/hy-home/internal/docker"
	"github.com/buenhyden/hy-home/internal/exit"
)

// checkTaken looks for running containers that the platform did not make and that
// answer to the name of one of a component's services on its network, as those of
// another platform do: each request would go to either.
func checkTaken(ctx context.Context, cli client.ContainerAPIClient, component string, project *types.Project, platform string) error {
	for _, key := range project.NetworkNames() {
		on := project.Networks[key].Name
		list, err := cli.ContainerList(ctx, container.ListOptions{Filters: filters.NewArgs(filters.Arg("network", on))})
		if err != nil {
			return fmt.Errorf("list the containers on docker network %s: %w", on, err)
		}
		for _, summary := range list {
			if summary.Labels[docker.PlatformLabel] == platform {
				continue
			}
			c, err := cli.ContainerInspect(ctx, summary.ID) // the list has no aliases
			if errdefs.IsNotFound(err) || err == nil && (c.NetworkSettings == nil || c.NetworkSettings.Networks[on] == nil) {
				continue // it went in between
			}
			if err != nil {
				return fmt.Errorf("inspect container %s: %w", strings.Join(summary.Names, ","), err)
			}
			at := c.NetworkSettings.Networks[on]
			for _, name := range append(append([]string{strings.TrimPrefix(c.Name, "/")}, at.Aliases...), at.DNSNames...) {
				s, ours := project.Services[name]
				if _, there := s.Networks[key]; ours && there {
					return exit.BadInputf("component %s: its service %s would share that name on docker network %s with container %s, which this platform did not make: stop that one, or take down the platform that it is of%s",
						component, name, on, strings.TrimPrefix(c.Name, "/"), owner(summary.Labels))
				}
			}
		}
	}
	return nil
}

// owner names the platform that made what has these labels, if one did.
func owner(labels map[string]string) string {
	if name := labels[docker.PlatformLabel]; name != "" {
		return fmt.Sprintf(" (hyaction platform down --name %s)", name)
	}
	return ""
}

// checkNames looks for services that would answer to a name that a service of
// the catalog has on the same network: each request would go to either.
func (u *userProject) checkNames(component string, other *types.Project) error {
	theirs := map[string]map[string]bool{} // network's name: names on it
	for name, s := range other.Services {
		for key := range s.Networks {
			on := other.Networks[key].Name
			if theirs[on] == nil {
				theirs[on] = map[string]bool{}
			}
			for _, n := range []string{name, s.Hostname, s.ContainerName} {
				theirs[on][n] = n != ""
			}
		}
	}
	for _, name := range u.ServiceNames() {
		s := u.Services[name]
		for _, key := range sortedKeys(s.Networks) {
			names := []string{name, s.ContainerName}
			if s.Networks[key] != nil {
				names = append(names, s.Networks[key].Aliases...)
			}
			for _, n := range names {
				if on := u.Networks[key].Name; theirs[on][n] {
					return exit.BadInputf("%s: service %s answers to %q on network %s, and so does component %s: leave one of them out, or rename it", u.at("services", name), name, n, on, component)
				}
			}
		}
	}
	return nil
}

// checkContainerNames looks for fixed names of containers that are taken.
func (u *userProject) checkContainerNames(ctx context.Context, cli client.ContainerAPIClient) error {
	owner := map[string]string{}
	for _, name := range u.ServiceNames() {
		fixed := u.Services[name].ContainerName
		if fixed == "" {
			continue
		}
		pos := u.at("services", name, "container_name")
		if other, twice := owner[fixed]; twice {
			return exit.BadInputf("%s: service %s has the container_name %s of service %s: give it another", pos, name, fixed, other)
		}
		owner[fixed] = name
		c, err := cli.ContainerInspect(ctx, fixed)
		switch {
		case errdefs.IsNotFound(err):
		case err != nil:
			return fmt.Errorf("look for container %s: %w", fixed, err)
		case strings.TrimPrefix(c.Name, "/") == fixed && !ofProject(c.Config.Labels, u.Name):
			return exit.BadInputf("%s: container_name %s of service %s is taken by a container that this platform did not make (image %s): remove or rename that one (docker rename %s …), or leave container_name out", pos, fixed, name, c.Config.Image, fixed)
		}
	}
	return nil
}
