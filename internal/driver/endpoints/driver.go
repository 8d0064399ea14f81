// Package endpoints is the driver of the component that writes down in the
// cluster what the data tier offers: a Service for each endpoint, a zone in the
// cluster's DNS, and NetworkPolicies for those who ask for them. See
// [github.com/buenhyden/hy-home/internal/bridge] for what each is.
//
// All of it is made from the plan and from what the engine tells, so that a
// second run puts right what moved and takes away what is no longer offered.
package endpoints

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/buenhyden/hy-home/internal/apply"
	"github.com/buenhyden/hy-home/internal/bridge"
	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/exit"
)

// Driver is the [engine.Driver] that publishes the data tier in the cluster.
type Driver struct {
	Docker func(context.Context) (bridge.Docker, error)
}

// Settings are what component.yaml may say.
type Settings struct {
	Network string `yaml:"network"` // the data tier's Docker network
	Zone    string `yaml:"zone"`    // DNS zone of its names
}

// Apply makes the cluster say what the engine says.
func (d Driver) Apply(ctx context.Context, c catalog.Component, env engine.Env) (engine.Outcome, error) {
	s, subnet, err := settings(c, env)
	if err != nil {
		return "", err
	}
	exposed := bridge.Exposed(env.Components)
	at, err := d.addresses(ctx, s, env, exposed)
	if err != nil {
		return "", err
	}
	objs, err := bridge.Services(c.Namespace, exposed, at)
	if err != nil {
		return "", err
	}
	cl, err := connect(c, env)
	if err != nil {
		return "", err
	}
	consumers, err := cl.consumers(ctx)
	if err != nil {
		return "", transient(err)
	}
	objs = append(objs, bridge.Policies(consumers, subnet, exposed)...)
	changes, err := cl.objects.Converge(ctx, cl.inventory, objs)
	for _, change := range changes {
		env.Log.Debug("applied", "component", c.Name, "object", change.Object, "action", change.Action)
	}
	if err != nil {
		return "", transient(err)
	}
	outcome := apply.Outcome(changes)
	// Without the nodes on the network its names lead nowhere.
	if joined(env.Components) {
		changed, err := cl.zone(s, env).ensure(ctx, env.Progress)
		if err != nil {
			return "", transient(err)
		}
		if changed && outcome == apply.Unchanged {
			outcome = apply.Configured
		}
	}
	return engine.Outcome(outcome), nil
}

// addresses asks the engine where the endpoints' containers are; managed services
// have none.
func (d Driver) addresses(ctx context.Context, s Settings, env engine.Env, exposed []catalog.Endpoint) (map[string][]netip.Addr, error) {
	if !slices.ContainsFunc(exposed, func(e catalog.Endpoint) bool { return !e.External }) {
		return nil, nil
	}
	api, err := d.Docker(ctx)
	if err != nil {
		return nil, err
	}
	return bridge.Bridge{Docker: api, Cluster: env.Name, Network: s.Network}.Addresses(ctx)
}

// Remove takes everything back. A cluster that is gone holds none of it.
func (d Driver) Remove(ctx context.Context, c catalog.Component, env engine.Env) (engine.Outcome, error) {
	if _, err := os.Stat(env.Kubeconfig); errors.Is(err, fs.ErrNotExist) {
		return engine.Unchanged, nil
	}
	var s Settings
	if err := c.DecodeSettings(&s); err != nil {
		return "", err
	}
	cl, err := connect(c, env)
	if err != nil {
		return "", err
	}
	dropped, err := cl.zone(s, env).drop(ctx)
	if err == nil {
		var changes []apply.Change
		changes, err = cl.objects.Clear(ctx, cl.inventory)
		dropped = dropped || slices.ContainsFunc(changes, func(c apply.Change) bool { return c.Action == apply.Removed })
	}
	switch {
	case utilnet.IsConnectionRefused(err), err == nil && !dropped:
		return engine.Unchanged, nil
	case err != nil:
		return "", err
	}
	return engine.Removed, nil
}

func settings(c catalog.Component, env engine.Env) (Settings, netip.Prefix, error) {
	var s Settings
	if err := c.DecodeSettings(&s); err != nil {
		return s, netip.Prefix{}, err
	}
	if c.Namespace == "" || s.Network == "" || s.Zone == "" {
		return s, netip.Prefix{}, exit.BadInputf("component %s: namespace, settings.network and settings.zone must all be given", c.Name)
	}
	for key, value := range env.Values {
		if component, ok := strings.CutSuffix(key, "-name"); ok && value == s.Network {
			subnet, err := netip.ParsePrefix(env.Values[component+"-subnet"])
			if err != nil {
				return s, subnet, fmt.Errorf("component %s: subnet of docker network %s: %w", c.Name, s.Network, err)
			}
			return s, subnet, nil
		}
	}
	if !slices.ContainsFunc(bridge.Exposed(env.Components), func(e catalog.Endpoint) bool { return !e.External }) {
		return s, netip.Prefix{}, nil
	}
	return s, netip.Prefix{}, exit.BadInputf("component %s: settings.network is %q, which no component of the plan makes", c.Name, s.Network)
}

func joined(cs []catalog.Component) bool {
	return slices.ContainsFunc(cs, func(c catalog.Component) bool { return c.Driver == "bridge" })
}

// cluster is the connections to one cluster.
type cluster struct {
	config    *rest.Config
	client    kubernetes.Interface
	objects   *apply.Client
	inventory apply.Inventory
}

func connect(c catalog.Component, env engine.Env) (cluster, error) {
	cfg, err := apply.Load(env.Kubeconfig)
	if err != nil {
		return cluster{}, err
	}
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return cluster{}, fmt.Errorf("kubernetes client: %w", err)
	}
	objects, err := apply.New(cfg, apply.Options{
		FieldManager: apply.FieldManager + "-" + env.Name,
		Namespace:    c.Namespace, Force: true, Shared: env.Shared, Progress: env.Progress,
	})
	return cluster{cfg, client, objects, apply.Inventory{Owner: env.Name, Part: c.Name}}, err
}

// consumers are the namespaces that ask for a policy, sorted.
func (cl cluster) consumers(ctx context.Context) ([]string, error) {
	list, err := cl.client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{LabelSelector: bridge.ConsumerLabel + "=allowed"})
	if err != nil {
		return nil, fmt.Errorf("list the namespaces that may reach the data tier: %w", err)
	}
	var names []string
	for _, n := range list.Items {
		if n.DeletionTimestamp == nil {
			names = append(names, n.Name)
		}
	}
	slices.Sort(names)
	return names, nil
}

func transient(err error) error {
	if apply.IsTransient(err) {
		return engine.Transient(err)
	}
	return err
}
