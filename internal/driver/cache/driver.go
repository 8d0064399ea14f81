// Package cache is the driver of the pull-through caches: one registry for each
// public registry, on the nodes' network. Every node asks there first (see
// driver/cluster), so an image crosses the wire once however many nodes run it.
//
// A cache is never a reason to fail: one whose upstream does not answer ends at
// its start, is started again by the engine until it lives, and meanwhile the
// nodes go to the upstream themselves.
package cache

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/client"
	"golang.org/x/sync/errgroup"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/docker"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/pull"
	"github.com/buenhyden/hy-home/internal/registry"
)

// Driver runs the caches.
type Driver struct {
	docker *docker.Engine

	mu    sync.Mutex
	begin map[string]Figures // of each cache, when this run found it

	refused map[string]bool // hosts whose upstream did not take the credentials
}

// New makes the driver; it connects to the engine when it is first used.
func New(docker *docker.Engine) *Driver {
	return &Driver{docker: docker, begin: map[string]Figures{}, refused: map[string]bool{}}
}

var (
	_ engine.Driver     = (*Driver)(nil)
	_ engine.Prefetcher = (*Driver)(nil)
	_ engine.Accountant = (*Driver)(nil)
)

// Settings are what component.yaml may say.
type Settings struct {
	Network   string            `yaml:"network"`   // the nodes' Docker network
	Upstreams map[string]string `yaml:"upstreams"` // URL of the registry by the host in images' names
}

func settings(c catalog.Component) (Settings, error) {
	var s Settings
	if err := c.DecodeSettings(&s); err != nil {
		return s, err
	}
	if s.Network == "" || len(s.Upstreams) == 0 || len(c.Images) != 1 {
		return s, exit.BadInputf("component %s: it needs settings.network, settings.upstreams and exactly one image", c.Name)
	}
	for host, upstream := range s.Upstreams {
		if u, err := url.Parse(upstream); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			return s, exit.BadInputf("component %s: settings.upstreams: %s: %q is not a URL such as https://quay.io", c.Name, host, upstream)
		}
	}
	return s, nil
}

// open reads a component's settings and connects to the engine.
func (d *Driver) open(ctx context.Context, c catalog.Component) (Settings, *client.Client, error) {
	s, err := settings(c)
	if err != nil {
		return s, nil, err
	}
	cli, err := d.docker.Client(ctx)
	return s, cli, err
}

func (s Settings) hosts() []string { return slices.Sorted(maps.Keys(s.Upstreams)) }

// Apply starts a cache for each upstream.
func (d *Driver) Apply(ctx context.Context, c catalog.Component, env engine.Env) (engine.Outcome, error) {
	s, cli, err := d.open(ctx, c)
	if err != nil {
		return "", err
	}
	outcomes := make([]engine.Outcome, len(s.Upstreams))
	g, ctx := errgroup.WithContext(ctx)
	for i, host := range s.hosts() {
		g.Go(func() (err error) {
			outcomes[i], err = d.apply(ctx, cli, s.wanted(c, host, d.login(ctx, s, host, env)), env)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return "", err
	}
	if slices.Contains(outcomes, engine.Configured) || slices.Contains(outcomes, engine.Unchanged) && slices.Contains(outcomes, engine.Created) {
		return engine.Configured, nil
	}
	return outcomes[0], nil
}

func (d *Driver) apply(ctx context.Context, cli *client.Client, w wanted, env engine.Env) (engine.Outcome, error) {
	have, err := cli.ContainerInspect(ctx, w.name)
	outcome := engine.Created
	switch {
	case errdefs.IsNotFound(err):
	case err != nil:
		return "", fmt.Errorf("inspect container %s: %w", w.name, err)
	case have.Config.Labels[docker.PlatformLabel] != env.Name:
		return "", exit.BadInputf("container %s was not made by this platform: remove it (docker rm -f %s), or give the platform another name", w.name, w.name)
	default:
		same, err := w.same(ctx, cli, have)
		if err != nil {
			return "", err
		}
		if same && (have.State.Running || have.State.Restarting) {
			return engine.Unchanged, d.settle(ctx, cli, w, env)
		}
		outcome = engine.Configured
		if err := remove(ctx, cli, have.ID); err != nil {
			return "", err
		}
	}
	env.Progress("start " + w.name + " before " + w.upstream)
	if err := w.create(ctx, cli); err != nil {
		return "", err
	}
	return outcome, d.settle(ctx, cli, w, env)
}

// login gives env as the cache of a host is to see it: without credentials that its
// upstream refuses. With them the cache would say of every image that it is not
// there; without them it gives out what everybody may have.
func (d *Driver) login(ctx context.Context, s Settings, host string, env engine.Env) engine.Env {
	username, password := s.credentials(host, env)
	if username == "" {
		return env
	}
	err := registry.Client{Credentials: registry.Credentials{Username: username, Password: password}}.CheckLogin(ctx, s.Upstreams[host])
	if !errors.Is(err, registry.ErrRefused) {
		return env // what is wrong otherwise shows when an image is asked for
	}
	env.Warn(fmt.Sprintf("docker-username and docker-password: %s does not take them (%v): images of %s are asked for as nobody, who may not have all of them, nor as many", s.Upstreams[host], err, host))
	d.mu.Lock()
	d.refused[host] = true
	d.mu.Unlock()
	env.Values = maps.Clone(env.Values)
	delete(env.Values, pull.UsernameValue)
	return env
}

// startLimit is how long a cache may take to answer before it is left out. On
// two busy processors it answered within 2 s of being made, or not at all: it
// asks its upstream first.
const startLimit = 10 * time.Second

// settle waits until the cache answers and notes its figures, or leaves it out.
func (d *Driver) settle(ctx context.Context, cli *client.Client, w wanted, env engine.Env) error {
	limit, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for {
		f, err := read(limit, cli, w.name)
		if err == nil {
			d.mu.Lock()
			d.begin[w.name] = f
			d.mu.Unlock()
			return nil
		}
		failed := limit.Err() != nil
		if state, inspectErr := cli.ContainerInspect(ctx, w.name); inspectErr == nil && (state.RestartCount > 0 || state.State.Restarting) {
			failed = true
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if failed {
			env.Progress(fmt.Sprintf("%s is left out: %s does not answer it", w.name, w.upstream))
			return nil
		}
		select {
		case <-limit.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Status says "ready" when every cache runs, or is started again and again
// because its upstream does not answer.
func (d *Driver) Status(ctx context.Context, c catalog.Component, env engine.Env) (string, error) {
	s, cli, err := d.open(ctx, c)
	if err != nil {
		return "", err
	}
	absent := 0
	var faults []error
	for _, host := range s.hosts() {
		name := pull.CacheName(env.Name, host)
		have, err := cli.ContainerInspect(ctx, name)
		switch {
		case errdefs.IsNotFound(err):
			absent++
			faults = append(faults, fmt.Errorf("%s is absent", name))
		case err != nil:
			return "", fmt.Errorf("inspect container %s: %w", name, err)
		case !have.State.Running && !have.State.Restarting:
			faults = append(faults, fmt.Errorf("%s is %s", name, have.State.Status))
		}
	}
	switch {
	case absent == len(s.Upstreams):
		return "absent", nil
	case len(faults) > 0:
		return errors.Join(faults...).Error(), nil
	}
	return "ready", nil
}
