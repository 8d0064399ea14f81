package compose

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/containerd/errdefs"
	"github.com/docker/compose/v2/pkg/api"
	"github.com/docker/compose/v2/pkg/compose"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"
)

// state is one container of a project as the engine reports it.
type state struct {
	id, name, service string
	hash              string   // Compose's config hash it was made with
	image, wantImage  string   // digest of the image it runs; digest its name stands for now
	status            string   // created, running, restarting, exited, dead, paused
	health            string   // healthy, unhealthy, starting; "" without a health check
	check             []string // the health check's command; nil for none
	exit              int
	oom               bool
	restarts          int
	oneShot           bool // is meant to end: its restart policy is "no"
	mayEnd            bool // may be meant to end: the user's file says nothing of it
	started           time.Time
}

// settled is how long a container without a health check must have been running
// to count as up: long enough for a wrong flag or config file to end it.
const settled = 2 * time.Second

// settledUnknown is the same for a container of which nobody knows whether it is
// a job: most jobs have ended by then, and so are not taken for servers.
const settledUnknown = 5 * time.Second

func (s state) settled() time.Duration {
	if s.mayEnd {
		return settledUnknown
	}
	return settled
}

// endLabel on a container of the user's says how it ends: the engine cannot tell
// `restart: "no"` from a file that says nothing.
const (
	endLabel  = "io.github.buenhyden.hyaction.ends"
	endsJob   = "yes"
	endsMaybe = "maybe"
	endsNever = "no"
)

// maxRestarts: from the third on it is a loop, not a dependency that was late.
const maxRestarts = 3

// up reports whether the container is as it should be, or what it is instead.
func (s state) up(now time.Time) (bool, string) {
	switch {
	case s.fault() != "":
		return false, s.fault()
	case (s.oneShot || s.mayEnd) && s.status == "exited":
		return true, ""
	case s.status != "running" || s.oneShot:
		return false, s.service + " is " + s.status
	case s.health == "" || s.health == "none":
		return now.Sub(s.started) >= s.settled(), s.service + " just started"
	default:
		return s.health == "healthy", s.service + " is " + s.health
	}
}

// fault says what is wrong for good with the container, or "".
func (s state) fault() string {
	switch {
	case s.oom:
		return s.service + " was killed: it needs more memory than its limit"
	case s.status == "exited" && (s.exit != 0 || !s.oneShot && !s.mayEnd):
		return fmt.Sprintf("%s exited with code %d", s.service, s.exit)
	case s.status == "dead":
		return s.service + " is dead"
	case s.health == "unhealthy":
		return s.service + " is unhealthy"
	case s.restarts >= maxRestarts:
		return fmt.Sprintf("%s restarted %d times, last with code %d", s.service, s.restarts, s.exit)
	}
	return ""
}

// containers lists a project's containers, by service.
func containers(ctx context.Context, cli *client.Client, project string) ([]state, error) {
	list, err := cli.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(
		filters.Arg("label", api.ProjectLabel+"="+project), filters.Arg("label", api.OneoffLabel+"=False"))})
	if err != nil {
		return nil, fmt.Errorf("list the containers of %s: %w", project, err)
	}
	var states []state
	for _, item := range list {
		c, err := cli.ContainerInspect(ctx, item.ID)
		if errdefs.IsNotFound(err) {
			continue // gone since the list was made
		}
		if err != nil {
			return nil, fmt.Errorf("inspect container %s: %w", strings.Join(item.Names, ","), err)
		}
		s := state{
			id: c.ID, name: strings.TrimPrefix(c.Name, "/"), service: c.Config.Labels[api.ServiceLabel],
			hash: c.Config.Labels[api.ConfigHashLabel], image: c.Config.Labels[api.ImageDigestLabel],
			status: c.State.Status, exit: c.State.ExitCode, oom: c.State.OOMKilled && !c.State.Running,
			restarts: c.RestartCount,
			oneShot:  c.HostConfig.RestartPolicy.IsNone() || c.HostConfig.RestartPolicy.Name == "",
		}
		switch c.Config.Labels[endLabel] {
		case endsMaybe:
			s.oneShot, s.mayEnd = false, true
		case endsJob:
			s.oneShot = true
		}
		s.started, _ = time.Parse(time.RFC3339Nano, c.State.StartedAt)
		if c.State.Health != nil {
			s.health, s.check = c.State.Health.Status, checkCommand(c.Config)
		}
		// The digest label, not c.Image: with the containerd store they differ for the same image.
		if img, err := cli.ImageInspect(ctx, c.Config.Image); err == nil {
			s.wantImage = img.ID
		}
		states = append(states, s)
	}
	slices.SortFunc(states, func(a, b state) int { return strings.Compare(a.service, b.service) })
	return states, nil
}

// asWanted reports that every service has its one container, made from the same
// configuration and image, and up.
func asWanted(project *types.Project, cs []state) bool {
	if len(cs) != size(project) {
		return false
	}
	now := time.Now()
	for _, s := range cs {
		service, ok := project.Services[s.service]
		if !ok {
			return false
		}
		hash, err := compose.ServiceHash(service)
		if err != nil || hash != s.hash || s.image != s.wantImage {
			return false
		}
		if ok, _ := s.up(now); !ok {
			return false
		}
	}
	return true
}

// withoutContainer is the first service that has fewer containers than it should, "" for none.
func withoutContainer(project *types.Project, cs []state) string {
	have := map[string]int{}
	for _, s := range cs {
		have[s.service]++
	}
	for _, name := range project.ServiceNames() {
		if service := project.Services[name]; have[name] < service.GetScale() {
			return name
		}
	}
	return ""
}

// same reports that no container was made, started or taken away in between.
func same(before, after []state) bool {
	return slices.EqualFunc(before, after, func(a, b state) bool { return a.id == b.id && a.started.Equal(b.started) })
}

// size is how many containers a project has.
func size(project *types.Project) int {
	n := 0
	for _, s := range project.Services {
		n += s.GetScale()
	}
	return n
}

// ofProject reports that labels are those of a project's container.
func ofProject(labels map[string]string, project string) bool {
	return labels[api.ProjectLabel] == project
}
