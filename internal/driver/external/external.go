// Package external is the driver of a data service that others manage: RDS, MSK,
// an S3 bucket. Nothing is made, and nothing is taken down: that it answers is
// proven from a pod, as only there it has to.
package external

import (
	"context"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
)

// Driver is the [engine.Driver] for managed data services.
type Driver struct{}

// Apply says where the endpoints are.
func (Driver) Apply(_ context.Context, c catalog.Component, env engine.Env) (engine.Outcome, error) {
	for _, e := range c.Expose {
		env.Progress(e.Name + " is at " + e.Addresses(e.Hosts))
	}
	return engine.Unchanged, nil
}

// Remove has nothing to remove.
func (Driver) Remove(context.Context, catalog.Component, engine.Env) (engine.Outcome, error) {
	return engine.Unchanged, nil
}
