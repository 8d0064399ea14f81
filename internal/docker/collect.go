package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"
)

// eventsBack is how far back the engine's events are read: as long as a platform
// may take to come up.
const eventsBack = 30 * time.Minute

// Collect tells how the engine is, for whoever looks for the cause of a failure.
// What takes long comes last.
func (e *Engine) Collect(ctx context.Context, write func(name, text string)) error {
	c, err := e.Client(ctx)
	if err != nil {
		return err
	}
	var faults []error
	for _, part := range []struct {
		file string
		text func(context.Context, *client.Client) (string, error)
	}{
		{"containers.txt", containersText}, {"images.txt", imagesText}, {"events.txt", eventsText},
		{"networks.txt", networksText}, {"engine.txt", engineText}, {"engine-disk.txt", diskText},
	} {
		text, err := part.text(ctx, c)
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", part.file, err))
			continue
		}
		write(part.file, text)
	}
	return errors.Join(faults...)
}

func containersText(ctx context.Context, c *client.Client) (string, error) {
	list, err := c.ContainerList(ctx, container.ListOptions{All: true})
	if err != nil {
		return "", err
	}
	return table("NAME\tIMAGE\tSTATE\tEXIT\tOOM KILLED\tRESTARTS\tHEALTH\tENDED", func(line func(...any)) {
		for _, item := range list {
			full, err := c.ContainerInspect(ctx, item.ID)
			if err != nil {
				continue // gone since the list was made
			}
			s, health := full.State, ""
			if s.Health != nil {
				health = s.Health.Status
			}
			line(strings.TrimPrefix(full.Name, "/"), full.Config.Image, s.Status, s.ExitCode, s.OOMKilled, full.RestartCount, health, s.FinishedAt)
		}
	}), nil
}

func imagesText(ctx context.Context, c *client.Client) (string, error) {
	list, err := c.ImageList(ctx, image.ListOptions{})
	if err != nil {
		return "", err
	}
	return table("IMAGE\tMIB\tID", func(line func(...any)) {
		for _, i := range list {
			line(strings.Join(append(slices.Clone(i.RepoTags), i.RepoDigests...), " "), i.Size>>20, i.ID)
		}
	}), nil
}

// eventsText are the events of containers that ended, and how.
func eventsText(ctx context.Context, c *client.Client) (string, error) {
	now := time.Now()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	kinds := filters.NewArgs(filters.Arg("type", "container"))
	for _, kind := range []string{"oom", "die", "kill", "start"} {
		kinds.Add("event", kind)
	}
	messages, faults := c.Events(ctx, events.ListOptions{
		Since: fmt.Sprint(now.Add(-eventsBack).Unix()), Until: fmt.Sprint(now.Unix()), Filters: kinds,
	})
	var fault error
	text := table("TIME\tEVENT\tCONTAINER\tIMAGE\tEXIT", func(line func(...any)) {
		for {
			select {
			case m := <-messages:
				a := m.Actor.Attributes
				line(time.Unix(m.Time, 0).UTC().Format(time.TimeOnly), m.Action, a["name"], a["image"], a["exitCode"])
			case fault = <-faults:
				return
			}
		}
	})
	if fault != nil && !errors.Is(fault, io.EOF) { // as the end is told
		return text, fmt.Errorf("read the engine's events: %w", fault)
	}
	return text, nil
}

func networksText(ctx context.Context, c *client.Client) (string, error) {
	list, err := c.NetworkList(ctx, network.ListOptions{})
	if err != nil {
		return "", err
	}
	return table("NETWORK\tDRIVER\tSUBNETS\tCONTAINERS", func(line func(...any)) {
		for _, n := range list {
			var subnets, members []string
			for _, s := range n.IPAM.Config {
				subnets = append(subnets, s.Subnet)
			}
			if full, err := c.NetworkInspect(ctx, n.ID, network.InspectOptions{}); err == nil {
				for _, m := range full.Containers {
					members = append(members, m.Name+"="+m.IPv4Address)
				}
			}
			slices.Sort(members)
			line(n.Name, n.Driver, strings.Join(subnets, " "), strings.Join(members, " "))
		}
	}), nil
}

func engineText(ctx context.Context, c *client.Client) (string, error) {
	i, err := c.Info(ctx)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("version %s on %s, kernel %s\n%d CPUs, %d MiB\nstorage %s in %s\ncgroup %s v%s\n%d containers: %d running, %d stopped\n%s\n",
		i.ServerVersion, i.OperatingSystem, i.KernelVersion, i.NCPU, i.MemTotal>>20, i.Driver, i.DockerRootDir, i.CgroupDriver, i.CgroupVersion,
		i.Containers, i.ContainersRunning, i.ContainersStopped, strings.Join(i.Warnings, "\n")), nil
}

func diskText(ctx context.Context, c *client.Client) (string, error) {
	d, err := c.DiskUsage(ctx, types.DiskUsageOptions{Types: []types.DiskUsageObject{types.ContainerObject, types.ImageObject, types.VolumeObject}})
	if err != nil {
		return "", err
	}
	return table("WHAT\tMIB", func(line func(...any)) {
		line("all layers", d.LayersSize>>20)
		for _, item := range d.Containers {
			line("container "+strings.Join(item.Names, ","), item.SizeRw>>20)
		}
		for _, v := range d.Volumes {
			if v.UsageData != nil {
				line("volume "+v.Name, v.UsageData.Size>>20)
			}
		}
	}), nil
}

// table lines up what fill writes.
func table(header string, fill func(line func(...any))) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, header)
	fill(func(cells ...any) {
		for _, c := range cells {
			fmt.Fprintf(w, "%v\t", c)
		}
		fmt.Fprintln(w)
	})
	_ = w.Flush() // a strings.Builder takes everything
	return b.String()
}
