// Package cluster makes the platform's Kubernetes cluster with kind, as a
// library. It is the only package that imports kind.
//
// A cluster is ours when this platform's name is its name and its nodes say that
// we made them (see [ownerDir]): one of somebody else's is refused, and never
// deleted. It is half made when the marker file of its creation is still in the
// state directory: then it is taken away and made anew. Any other cluster that is
// not healthy is left alone and named, as somebody may want to look at it.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/docker/docker/client"
	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/exit"
)

// network is the Docker network that kind puts its nodes on. The name is fixed in kind.
const network = "kind"

// Driver is the [engine.Driver] for kind clusters.
type Driver struct {
	// Docker connects to the engine that kind's own docker command uses as well.
	Docker func(context.Context) (*client.Client, error)
}

// Settings are what component.yaml may say.
type Settings struct {
	Image         string `yaml:"image"`          // the node image; its tag is the Kubernetes version
	ControlPlanes int    `yaml:"control-planes"` // 1 is enough for a machine that is thrown away
	Workers       int    `yaml:"workers"`
	// Registry is what the nodes pull "localhost:5001/..." from: images built on this machine.
	Registry string `yaml:"registry"`
	// Config is a kind configuration of the user's: its file's text, how the file
	// is called, and where relative paths in it start.
	Config     string `yaml:"config"`
	ConfigFile string `yaml:"config-file"`
	ConfigRoot string `yaml:"config-root"`
	user       *v1alpha4.Cluster
	// Mirrors are the hosts that a cache or the input registry-mirror stands in front of.
	Mirrors []string `yaml:"mirrors"`
}

func settings(c catalog.Component) (Settings, error) {
	s := Settings{}
	if err := c.DecodeSettings(&s); err != nil {
		return s, err
	}
	s, err := s.withConfig()
	if err != nil {
		return s, err
	}
	switch {
	case s.Image == "":
		return s, exit.BadInputf("component %s: settings.image is empty: name a kindest/node image with its tag", c.Name)
	case s.ControlPlanes < 1 || s.ControlPlanes > 5:
		return s, exit.BadInputf("component %s: settings.control-planes is %d, want 1 to 5", c.Name, s.ControlPlanes)
	case s.Workers < 0 || s.Workers > 20:
		return s, exit.BadInputf("component %s: settings.workers is %d, want 0 to 20", c.Name, s.Workers)
	}
	return s, nil
}

// Apply makes the cluster, or finds it healthy and as wanted.
func (d Driver) Apply(ctx context.Context, c catalog.Component, env engine.Env) (engine.Outcome, error) {
	s, err := settings(c)
	if err != nil {
		return "", err
	}
	api, err := d.Docker(ctx)
	if err != nil {
		return "", err
	}
	if err := checkNetwork(ctx, api, env.Values); err != nil {
		return "", err
	}
	k := newKind(env)
	have, err := k.own(ctx, api)
	if err != nil {
		return "", err
	}
	cutShort := k.halfMade()
	if len(have) > 0 && cutShort {
		env.Progress("removing the half made cluster of an earlier run")
		if err := k.delete(ctx, api, have); err != nil {
			return "", err
		}
		have = nil
	}
	outcome := engine.Unchanged
	if len(have) == 0 {
		outcome = engine.Created
		have, err = k.create(ctx, s)
		if err != nil && cutShort && ctx.Err() == nil && strings.Contains(err.Error(), "already") {
			// The docker commands of a run that was killed outlive it by some seconds
			// and make nodes under our hands: a name is "already in use", a node
			// "already exists".
			return "", engine.Transient(err)
		}
		if err != nil {
			return "", err
		}
		if err := furnish(ctx, api, env.Name, names(members(have)), hosts(s, env.Values)); err != nil {
			return "", err
		}
	} else {
		if err := k.check(ctx, api, s, have); err != nil {
			return "", err
		}
		changed, err := configureRegistries(ctx, api, names(members(have)), hosts(s, env.Values))
		if err != nil {
			return "", err
		}
		if changed {
			outcome = engine.Configured
		}
	}
	env.Progress("waiting until every node is Ready")
	if err := waitReady(ctx, env.Kubeconfig, s.ControlPlanes+s.Workers, env.Progress); err != nil {
		return "", withCause(ctx, fmt.Errorf("kind cluster %s: %w", env.Name, err), have)
	}
	return outcome, k.finished()
}

// Remove deletes the cluster and its kubeconfig.
func (d Driver) Remove(ctx context.Context, _ catalog.Component, env engine.Env) (engine.Outcome, error) {
	api, err := d.Docker(ctx)
	if err != nil {
		return "", err
	}
	k := newKind(env)
	have, err := k.own(ctx, api)
	if other := (*strangerError)(nil); errors.As(err, &other) {
		env.Warn(other.Error())
		return engine.Unchanged, nil
	}
	if err != nil {
		return "", err
	}
	outcome := engine.Unchanged
	if len(have) > 0 {
		env.Progress(fmt.Sprintf("deleting %d nodes", len(have)))
		if err := k.delete(ctx, api, have); err != nil {
			return "", err
		}
		outcome = engine.Removed
	}
	if err := os.Remove(env.Kubeconfig); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("remove the kubeconfig: %w", err)
	}
	return outcome, k.finished()
}

// Status says in a few words how the cluster is: "ready", "absent" or why not.
func (d Driver) Status(ctx context.Context, c catalog.Component, env engine.Env) (string, error) {
	s, err := settings(c)
	if err != nil {
		return "", err
	}
	api, err := d.Docker(ctx)
	if err != nil {
		return "", err
	}
	k := newKind(env)
	have, err := k.own(ctx, api)
	if other := (*strangerError)(nil); errors.As(err, &other) {
		return other.Error(), nil
	}
	if err != nil {
		return "", err
	}
	if len(have) == 0 {
		return "absent", nil
	}
	if k.halfMade() {
		return "half made", nil
	}
	if fault := k.check(ctx, api, s, have); fault != nil {
		return fault.Error(), nil //nolint:nilerr // what is wrong with the cluster is the answer here
	}
	return "ready", nil
}
