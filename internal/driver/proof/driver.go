// Package proof is the driver of components that make nothing: this very program
// runs once in a pod, where an application would run, and speaks to every endpoint
// of the data tier in its protocol; what it answers is the proof.
//
// The program itself is the client, as anything else would prove less or need
// more: a port-forward enters a pod's network from outside and never leaves it
// through the pod's resolver and routes, and an image per protocol would have to
// be in reach of the cluster. It is put into one node of our own as an image,
// once per build of it; a cluster of others needs an image that holds it.
//
// While it runs, a container of the data tier calls it back at a port of a node,
// by the node's name: the way that data services reach the cluster.
//
// Credentials come from a Secret that lives as long as the pod, never from its
// command line, which everybody who may read pods can see.
package proof

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"k8s.io/client-go/kubernetes"

	"github.com/buenhyden/hy-home/internal/apply"
	"github.com/buenhyden/hy-home/internal/bridge"
	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/speak"
)

// Driver is the [engine.Driver] for proofs.
type Driver struct {
	Docker  func(context.Context) (bridge.Docker, error)
	Program func() (string, error) // path of this program

	mu     sync.Mutex
	tables map[string]engine.Table // of the last run, by component
}

// Settings are what component.yaml may say.
type Settings struct {
	Network string `yaml:"network"` // the data tier's Docker network
	Image   string `yaml:"image"`   // holds this program at /hyaction; for clusters whose nodes are not ours
}

// Apply runs the proof; its outcome is always [engine.Checked].
func (d *Driver) Apply(ctx context.Context, c catalog.Component, env engine.Env) (engine.Outcome, error) {
	var s Settings
	if err := c.DecodeSettings(&s); err != nil {
		return "", err
	}
	ways := waysTo(env.Components, env.Secrets)
	if len(ways) == 0 {
		env.Progress("no endpoint of the data tier is exposed")
		return engine.Checked, nil
	}
	cfg, err := apply.Load(env.Kubeconfig)
	if err != nil {
		return "", err
	}
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return "", fmt.Errorf("kubernetes client: %w", err)
	}
	r := run{
		name: c.Name + "-" + newID(), namespace: c.Namespace, image: s.Image,
		platform: env.Name, progress: env.Progress,
	}
	all := targets(ways)
	if r.targets, err = speak.Pack(all); err != nil {
		return "", fmt.Errorf("write the targets: %w", err)
	}
	r.count = len(all)
	side, err := d.place(ctx, env, s, &r)
	if err != nil {
		return "", err
	}
	answers, back, err := r.execute(ctx, client, side)
	if apply.IsTransient(err) {
		return "", engine.Transient(err)
	}
	if err != nil {
		return "", err
	}
	d.keep(c.Name, table(c.Name, ways, answers, back))
	return engine.Checked, judge(ways, answers, back, env.Progress)
}

func (d *Driver) keep(component string, t engine.Table) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.tables == nil {
		d.tables = map[string]engine.Table{}
	}
	d.tables[component] = t
}

// Account is what every endpoint answered, and how fast.
func (d *Driver) Account(_ context.Context, c catalog.Component, _ engine.Env) (engine.Table, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.tables[c.Name], nil
}

// Remove has nothing to remove: a proof leaves nothing behind.
func (d *Driver) Remove(context.Context, catalog.Component, engine.Env) (engine.Outcome, error) {
	return engine.Unchanged, nil
}

// Preflight finds out whether there will be an image to run: at the last gate it
// would be late to say so.
func (d *Driver) Preflight(_ context.Context, cs []catalog.Component, env engine.Env) error {
	for _, c := range cs {
		var s Settings
		if err := c.DecodeSettings(&s); err != nil {
			return err
		}
		if s.Image == "" && !has(env, "cluster") && len(waysTo(env.Components, nil)) > 0 {
			return exit.BadInputf("proof-image is empty: name an image that holds this hyaction at %s for %s, as the cluster's nodes are not ours to put it on", bridge.ProgramPath, c.Name)
		}
	}
	return nil
}

func has(env engine.Env, driver string) bool {
	return slices.ContainsFunc(env.Components, func(c catalog.Component) bool { return c.Driver == driver })
}
