// Package provision is the driver of what applications find in a data service:
// databases and their users, topics, buckets.
//
// They are made from this machine by the clients that also prove the service
// ([github.com/buenhyden/hy-home/internal/speak]), and verified by being used. An
// init container would have to be believed: its exit code says nothing of what it
// should have made. A managed service is provisioned alike where this machine
// reaches it; what is there already is used as it is, and never changed.
//
// A removal takes nothing away. What the platform's own containers hold goes with
// their volumes, and what others run holds data of theirs.
package provision

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/buenhyden/hy-home/internal/bridge"
	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/speak"
)

// Driver is the [engine.Driver] that makes databases, topics and buckets.
type Driver struct {
	Docker func(context.Context) (bridge.Docker, error)
}

var (
	_ engine.Driver      = Driver{}
	_ engine.Preflighter = Driver{}
)

// Preflight checks the settings, which endpoints are there, and that there is a
// credential to make something with.
func (d Driver) Preflight(_ context.Context, cs []catalog.Component, env engine.Env) error {
	for _, c := range cs {
		if _, _, err := settings(c, env); err != nil {
			return err
		}
	}
	return nil
}

// Apply makes what is not there and uses all of it.
func (d Driver) Apply(ctx context.Context, c catalog.Component, env engine.Env) (engine.Outcome, error) {
	s, e, err := settings(c, env)
	if err != nil {
		return "", err
	}
	service, err := d.service(ctx, s, e, env)
	if err != nil {
		return "", err
	}
	env.Progress("make in " + e.Name + " what is not there: " + s.String())
	made, err := s.apply(ctx, service, env.Secrets)
	if err != nil {
		err = fmt.Errorf("endpoint %s at %s: %w", e.Name, e.Address(service.Target.Name, e.Port), err)
		if speak.Passes(err) {
			return "", engine.Transient(err)
		}
		return "", err
	}
	env.Log.Debug("provisioned", "component", c.Name, "new", made.New, "changed", made.Changed, "kept", made.Kept)
	switch {
	case made.New+made.Changed == 0:
		return engine.Unchanged, nil
	case made.Kept+made.Changed == 0:
		return engine.Created, nil
	}
	return engine.Configured, nil
}

// Remove takes nothing away, and says so.
func (d Driver) Remove(_ context.Context, c catalog.Component, env engine.Env) (engine.Outcome, error) {
	s, e, err := settings(c, env)
	if err == nil && e.External {
		env.Warn(fmt.Sprintf("%s: %s stay in %s, which others run: they hold data", c.Name, s, e.Addresses(e.Hosts)))
	}
	return engine.Unchanged, nil //nolint:nilerr // without its settings there is nothing to say either
}

// Status asks the service for all of it: "ready", or what is missing. Of a service
// that others run the credentials are not kept, so that it cannot be asked: "".
func (d Driver) Status(ctx context.Context, c catalog.Component, env engine.Env) (string, error) {
	s, e, err := settings(c, env)
	if err != nil {
		return "", err
	}
	for _, secret := range e.Secrets {
		if e.External && env.Secrets[secret] == "" {
			return "", nil
		}
	}
	service, err := d.service(ctx, s, e, env)
	if err != nil {
		return "", err
	}
	faults, err := s.look(ctx, service, env.Secrets)
	if err != nil {
		return "", fmt.Errorf("endpoint %s at %s: %w", e.Name, e.Address(service.Target.Name, e.Port), err)
	}
	if len(faults) > 0 {
		return strings.Join(faults, ", "), nil
	}
	return "ready", nil
}

// service is where the endpoint is reached from this machine: by the names that
// its containers have among each other, or where a managed service is.
func (d Driver) service(ctx context.Context, s Settings, e catalog.Endpoint, env engine.Env) (speak.Service, error) {
	host := e.Hosts[0]
	service := speak.Service{Target: speak.To(e, host, host, env.Secrets), Foreign: e.External}
	if e.External {
		return service, nil
	}
	api, err := d.Docker(ctx)
	if err != nil {
		return service, err
	}
	found, err := bridge.Bridge{Docker: api, Cluster: env.Name, Network: s.Network}.Addresses(ctx)
	if err != nil {
		return service, err
	}
	if len(found[host]) == 0 {
		return service, fmt.Errorf("endpoint %s: no running container is called %s on docker network %s", e.Name, host, s.Network)
	}
	service.Hosts = map[string]netip.Addr{}
	for name, addresses := range found {
		service.Hosts[name] = addresses[0]
	}
	return service, nil
}

// endpoint finds the one that the settings name among all that the plan exposes.
func endpoint(c catalog.Component, name string, env engine.Env) (catalog.Endpoint, error) {
	for _, other := range env.Components {
		i := slices.IndexFunc(other.Expose, func(e catalog.Endpoint) bool { return e.Name == name })
		if i >= 0 {
			return other.Expose[i], nil
		}
	}
	return catalog.Endpoint{}, exit.BadInputf("component %s works in the endpoint %q, which no component of the platform offers", c.Name, name)
}
