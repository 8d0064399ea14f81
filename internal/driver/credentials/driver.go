// Package credentials is the driver of the component that keeps the platform's
// generated credentials in the cluster, so that a run without this machine's
// state directory finds those that the data services know.
package credentials

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	utilnet "k8s.io/apimachinery/pkg/util/net"

	"github.com/buenhyden/hy-home/internal/apply"
	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/credential"
	"github.com/buenhyden/hy-home/internal/engine"
)

// Driver is the [engine.Driver] of the platform's own Secret.
type Driver struct{}

// Apply writes what was generated. Credentials that were given are not kept.
func (d Driver) Apply(ctx context.Context, c catalog.Component, env engine.Env) (engine.Outcome, error) {
	client, err := connect(env)
	if err != nil {
		return "", err
	}
	changes, err := client.Converge(ctx, inventory(c, env), credential.Store(env.Name, env.Generated))
	if err != nil {
		if apply.IsTransient(err) {
			err = engine.Transient(err)
		}
		return "", err
	}
	return engine.Outcome(apply.Outcome(changes)), nil
}

// Remove forgets them. A cluster that is gone holds none.
func (d Driver) Remove(ctx context.Context, c catalog.Component, env engine.Env) (engine.Outcome, error) {
	if _, err := os.Stat(env.Kubeconfig); errors.Is(err, fs.ErrNotExist) {
		return engine.Unchanged, nil
	}
	client, err := connect(env)
	if err != nil {
		return "", err
	}
	changes, err := client.Clear(ctx, inventory(c, env))
	switch {
	case utilnet.IsConnectionRefused(err):
		return engine.Unchanged, nil
	case err != nil:
		return "", err
	case slices.ContainsFunc(changes, func(c apply.Change) bool { return c.Action == apply.Removed }):
		return engine.Removed, nil
	}
	return engine.Unchanged, nil
}

// Status says whether the Secret is there, if there has to be one.
func (d Driver) Status(ctx context.Context, c catalog.Component, env engine.Env) (string, error) {
	client, err := connect(env)
	if err != nil {
		return "", err
	}
	_, missing, err := client.Missing(ctx, inventory(c, env))
	if err != nil {
		return "", err
	}
	if len(missing) > 0 {
		return fmt.Sprintf("%s is missing", missing[0]), nil
	}
	return "ready", nil // a platform without generated credentials has nothing to keep
}

func inventory(c catalog.Component, env engine.Env) apply.Inventory {
	return apply.Inventory{Owner: env.Name, Part: c.Name}
}

func connect(env engine.Env) (*apply.Client, error) {
	cfg, err := apply.Load(env.Kubeconfig)
	if err != nil {
		return nil, err
	}
	return apply.New(cfg, apply.Options{FieldManager: apply.FieldManager + "-" + env.Name, Force: true, Shared: env.Shared, Progress: env.Progress})
}
