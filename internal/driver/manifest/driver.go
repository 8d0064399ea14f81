// Package manifest is the driver of components that are plain Kubernetes objects:
// the files of the component's directory manifests/.
//
// A file *.yaml is applied as it is, a file *.yaml.tmpl is rendered first: see
// [catalog.Component.Text].
package manifest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/rest"

	"github.com/buenhyden/hy-home/internal/apply"
	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/credential"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/ready"
)

// Driver is the [engine.Driver] for plain Kubernetes objects.
type Driver struct{}

// Apply applies the component's objects and waits until its probes hold.
func (d Driver) Apply(ctx context.Context, c catalog.Component, env engine.Env) (engine.Outcome, error) {
	objs, err := Objects(c, env)
	if err != nil {
		return "", err
	}
	secrets, err := credential.Objects(c, env.Secrets)
	if err != nil {
		return "", err
	}
	objs = append(objs, secrets...)
	client, cfg, err := connect(c, env)
	if err != nil {
		return "", err
	}
	if isUsers(c) {
		if objs, err = withNamespaces(ctx, cfg, c, env, objs); err != nil {
			return "", err
		}
	}
	changes, err := client.Converge(ctx, inventory(c, env), objs)
	for _, change := range changes {
		env.Log.Debug("applied", "component", c.Name, "object", change.Object, "action", change.Action)
	}
	if err != nil {
		if apply.IsTransient(err) {
			err = engine.Transient(err)
		}
		return "", err
	}
	probes, err := ready.New(cfg)
	if err != nil {
		return "", err
	}
	return engine.Outcome(apply.Outcome(changes)), probes.Wait(ctx, c, env.Progress)
}

// Remove deletes the component's objects. A cluster that is gone holds none.
func (d Driver) Remove(ctx context.Context, c catalog.Component, env engine.Env) (engine.Outcome, error) {
	if _, err := os.Stat(env.Kubeconfig); errors.Is(err, fs.ErrNotExist) {
		return engine.Unchanged, nil
	}
	client, _, err := connect(c, env)
	if err != nil {
		return "", err
	}
	changes, err := client.Clear(ctx, inventory(c, env))
	if utilnet.IsConnectionRefused(err) {
		return engine.Unchanged, nil
	}
	if err != nil {
		return "", err
	}
	for _, change := range changes {
		if change.Action == apply.Removed {
			return engine.Removed, nil
		}
	}
	return engine.Unchanged, nil
}

// Status compares the cluster with the inventory, and asks the probes once.
func (d Driver) Status(ctx context.Context, c catalog.Component, env engine.Env) (string, error) {
	client, cfg, err := connect(c, env)
	if err != nil {
		return "", err
	}
	held, missing, err := client.Missing(ctx, inventory(c, env))
	switch {
	case err != nil:
		return "", err
	case held == 0 || held == len(missing):
		return "absent", nil
	case len(missing) > 0:
		return fmt.Sprintf("%d of %d objects are missing: %s", len(missing), held, missing[0]), nil
	}
	if described, err := d.Describe(ctx, c, env); err == nil {
		c = described // the directory may be gone: then its objects are there, and that is all to be told
	}
	probes, err := ready.New(cfg)
	if err != nil {
		return "", err
	}
	return probes.Now(ctx, c), nil
}

func inventory(c catalog.Component, env engine.Env) apply.Inventory {
	return apply.Inventory{Owner: env.Name, Part: c.Name}
}

func connect(c catalog.Component, env engine.Env) (*apply.Client, *rest.Config, error) {
	cfg, err := apply.Load(env.Kubeconfig)
	if err != nil {
		return nil, nil, err
	}
	// The platform is the only owner of its components' fields: what somebody
	// changed by hand is set right again.
	client, err := apply.New(cfg, apply.Options{
		// A manager for each platform: with one for all, the second platform's apply
		// would take the first one's label off what both hold.
		FieldManager: apply.FieldManager + "-" + env.Name,
		Namespace:    c.Namespace, Force: true, Shared: env.Shared, Progress: env.Progress,
	})
	return client, cfg, err
}

// Objects reads and renders the component's manifests, in the order of the files' names.
func Objects(c catalog.Component, env engine.Env) ([]*unstructured.Unstructured, error) {
	if isUsers(c) {
		objs, err := userObjects(c)
		return slices.DeleteFunc(objs, asksForCredentials), err
	}
	files, err := c.Glob("manifests/*.yaml")
	if err != nil {
		return nil, err
	}
	var objs []*unstructured.Unstructured
	for _, file := range files {
		text, err := c.Text(file, catalog.Fields{Name: env.Name, Values: env.Values, Namespaces: catalog.Namespaces(env.Components), Chosen: catalog.Chosen(env.Components)})
		if err != nil {
			return nil, err
		}
		found, err := apply.Decode(bytes.NewReader(text), file)
		if err != nil {
			return nil, fmt.Errorf("component %s: %w", c.Name, err)
		}
		for _, o := range found {
			env.Lock.PinObject(o.Object)
		}
		objs = append(objs, found...)
	}
	if len(objs) == 0 {
		return nil, fmt.Errorf("component %s: there is no object in manifests/*.yaml", c.Name)
	}
	return objs, nil
}
