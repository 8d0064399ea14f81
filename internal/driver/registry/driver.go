// Package registry is the driver of the registry of this machine: jobs push to
// localhost:<port>, and the nodes of the cluster pull the same name from the
// container on their network (see driver/cluster).
//
// There is one on a machine, as there is one port: several platforms share it,
// each of them noted by a volume without content, and the last one takes it away
// with what it holds. One that was there before, which has no label of ours, is
// used as it is.
//
// Settings of a component:
//
//	network    the nodes' Docker network
//	container  name of the container, also on that network
//	port       on 127.0.0.1 of this machine
package registry

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/docker"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/exit"
)

// Driver runs the registry.
type Driver struct{ docker *docker.Engine }

// New makes the driver; it connects to the engine when it is first used.
func New(docker *docker.Engine) *Driver { return &Driver{docker} }

var (
	_ engine.Driver      = (*Driver)(nil)
	_ engine.Preflighter = (*Driver)(nil)
)

type settings struct {
	Network   string `yaml:"network"`
	Container string `yaml:"container"`
	Port      int    `yaml:"port"`
}

func read(c catalog.Component) (settings, error) {
	var s settings
	if err := c.DecodeSettings(&s); err != nil {
		return s, err
	}
	if s.Network == "" || s.Container == "" || s.Port < 1 || s.Port > 65535 || len(c.Images) != 1 {
		return s, exit.BadInputf("component %s: it needs settings.network, settings.container, settings.port and exactly one image", c.Name)
	}
	return s, nil
}

// open reads a component's settings and connects to the engine.
func (d *Driver) open(ctx context.Context, c catalog.Component) (settings, *client.Client, error) {
	s, err := read(c)
	if err != nil {
		return s, nil, err
	}
	cli, err := d.docker.Client(ctx)
	return s, cli, err
}

// ours reports that a platform made what has these labels.
func ours(labels map[string]string) bool { return labels[docker.PlatformLabel] == docker.Shared }

// Preflight finds out whether the port can be had, if the registry is not there.
func (d *Driver) Preflight(ctx context.Context, cs []catalog.Component, _ engine.Env) error {
	for _, c := range cs {
		s, cli, err := d.open(ctx, c)
		if err != nil {
			return err
		}
		have, err := cli.ContainerInspect(ctx, s.Container)
		if err != nil && !errdefs.IsNotFound(err) {
			return fmt.Errorf("inspect container %s: %w", s.Container, err)
		}
		if err == nil && have.State.Running || !local(cli) {
			continue
		}
		conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", s.address())
		if err != nil {
			continue // nobody listens
		}
		_ = conn.Close()
		return exit.BadInputf("port %d of this machine, where the registry of the platform listens, is taken by something that is not container %s: stop it (ss -ltnp 'sport = :%d'), or choose a profile without component %s",
			s.Port, s.Container, s.Port, c.Name)
	}
	return nil
}

func local(cli *client.Client) bool { return strings.HasPrefix(cli.DaemonHost(), "unix://") }

func (s settings) address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port)) }

// Apply starts the registry, or finds it there.
func (d *Driver) Apply(ctx context.Context, c catalog.Component, env engine.Env) (engine.Outcome, error) {
	s, cli, err := d.open(ctx, c)
	if err != nil {
		return "", err
	}
	have, err := cli.ContainerInspect(ctx, s.Container)
	switch {
	case errdefs.IsNotFound(err):
	case err != nil:
		return "", fmt.Errorf("inspect container %s: %w", s.Container, err)
	case !ours(have.Config.Labels):
		return engine.Unchanged, s.usable(ctx, cli, have, env)
	}
	// Noted first: whoever goes at this moment then leaves it.
	if err := docker.Hold(ctx, cli, env.Name, s.Container); err != nil {
		return "", err
	}
	outcome := engine.Created
	if err == nil && have.ContainerJSONBase != nil {
		outcome = engine.Configured
		if same, err := s.same(ctx, cli, c.Images[0], have); err != nil {
			return "", err
		} else if same && have.State.Running {
			return engine.Unchanged, s.answers(ctx, cli)
		} else if !same {
			if err := cli.ContainerRemove(ctx, have.ID, container.RemoveOptions{Force: true}); err != nil && !errdefs.IsNotFound(err) {
				return "", fmt.Errorf("replace container %s: %w", s.Container, err)
			}
		}
	}
	env.Progress("start " + s.Container + " on " + s.address())
	if err := s.start(ctx, cli, c.Images[0], map[string]string{docker.PlatformLabel: docker.Shared}); err != nil {
		return "", err
	}
	return outcome, s.answers(ctx, cli)
}

// usable checks a registry that somebody else runs.
func (s settings) usable(ctx context.Context, cli *client.Client, have container.InspectResponse, env engine.Env) error {
	switch {
	case !have.State.Running:
		return exit.BadInputf("container %s, which this platform did not make, is %s: start it, or remove it and the platform makes one", s.Container, have.State.Status)
	case have.NetworkSettings == nil || have.NetworkSettings.Networks[s.Network] == nil:
		return exit.BadInputf("container %s, which this platform did not make, is not on network %s, where the nodes look for it: connect it (docker network connect %s %s), or remove it and the platform makes one",
			s.Container, s.Network, s.Network, s.Container)
	}
	env.Progress(s.Container + " is there already and is used as it is")
	return s.answers(ctx, cli)
}

// answerLimit is how long it may take to serve once it is started: it needs a
// second on two busy processors.
const answerLimit = 20 * time.Second

// answers waits until the registry serves. Of an engine on another machine the
// port is not this machine's to ask.
func (s settings) answers(ctx context.Context, cli *client.Client) error {
	if !local(cli) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	web := &http.Client{Timeout: 2 * time.Second}
	for last := error(nil); ; {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.address()+"/v2/", nil)
		if err != nil {
			return err
		}
		res, err := web.Do(req)
		if err == nil {
			_ = res.Body.Close()
			// One that wants to know who asks is a registry as well.
			if res.StatusCode == http.StatusOK || res.StatusCode == http.StatusUnauthorized {
				return nil
			}
			err = fmt.Errorf("it answers %s", res.Status)
		}
		if ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("registry %s does not serve on %s: %w", s.Container, s.address(), last)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Status says "ready", "absent", or what is wrong.
func (d *Driver) Status(ctx context.Context, c catalog.Component, env engine.Env) (string, error) {
	s, cli, err := d.open(ctx, c)
	if err != nil {
		return "", err
	}
	have, err := cli.ContainerInspect(ctx, s.Container)
	switch {
	case errdefs.IsNotFound(err):
		return "absent", nil
	case err != nil:
		return "", fmt.Errorf("inspect container %s: %w", s.Container, err)
	case !ours(have.Config.Labels):
		// After a removal it is still there, and was never this platform's.
		if have.State.Running {
			return "ready", nil
		}
	case !docker.Holds(ctx, cli, env.Name, s.Container):
		return "absent", nil
	}
	if !have.State.Running {
		return s.Container + " is " + have.State.Status, nil
	}
	return "ready", nil
}
