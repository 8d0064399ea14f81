package compose

import (
	"context"
	"time"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
)

// Status says in a few words how the project is: "ready", "absent", or the
// first thing that is not as it should be.
func (d *Driver) Status(ctx context.Context, c catalog.Component, env engine.Env) (string, error) {
	cli, err := d.docker.Client(ctx)
	if err != nil {
		return "", err
	}
	cs, err := examined(ctx, cli, ProjectName(env.Name, c.Name))
	if err != nil {
		return "", err
	}
	if len(cs) == 0 {
		return "absent", nil
	}
	// The files may be gone, or of another version: then what is there is all that
	// can be judged.
	if project, err := load(ctx, c, env); err == nil {
		if name := withoutContainer(project, cs); name != "" {
			return name + " has no container", nil
		}
	}
	for _, s := range cs {
		if ok, why := s.up(time.Now()); !ok {
			return why, nil
		}
	}
	for _, p := range c.Ready {
		if fault := check(ctx, cli, c, env, p, cs); fault != nil {
			return fault.Error(), nil //nolint:nilerr // the fault is the answer
		}
	}
	return "ready", nil
}
