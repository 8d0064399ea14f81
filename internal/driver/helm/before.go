package helm

import (
	"bytes"
	"context"

	"helm.sh/helm/v3/pkg/chart"
	utilnet "k8s.io/apimachinery/pkg/util/net"

	"github.com/buenhyden/hy-home/internal/apply"
	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/credential"
	"github.com/buenhyden/hy-home/internal/engine"
)

// before applies what has to be there before the release: the Secrets that the
// component asks for, whose values Helm must never see as it keeps a release's
// values in the cluster, and the chart's directory crds/, which Helm itself would
// neither upgrade nor take away again.
func before(ctx context.Context, c catalog.Component, ch *chart.Chart, env engine.Env) (apply.Action, error) {
	objs, err := credential.Objects(c, env.Secrets)
	if err != nil {
		return "", err
	}
	for _, crd := range ch.CRDObjects() {
		found, err := apply.Decode(bytes.NewReader(crd.File.Data), crd.Filename)
		if err != nil {
			return "", err
		}
		objs = append(objs, found...)
	}
	client, err := connect(c, env)
	if err != nil {
		return "", err
	}
	inventory := apply.Inventory{Owner: env.Name, Part: c.Name}
	if len(objs) == 0 {
		// Most charts want nothing; what an earlier version of it wanted goes.
		held, err := client.Held(ctx, inventory)
		if err != nil || len(held) == 0 {
			return apply.Unchanged, err
		}
		changes, err := client.Clear(ctx, inventory)
		return apply.Outcome(changes), err
	}
	changes, err := client.Converge(ctx, inventory, objs)
	for _, change := range changes {
		env.Log.Debug("applied", "component", c.Name, "object", change.Object, "action", change.Action)
	}
	return apply.Outcome(changes), err
}

// after takes away what before has applied, and reports whether there was any.
func after(ctx context.Context, c catalog.Component, env engine.Env) (bool, error) {
	client, err := connect(c, env)
	if err != nil {
		return false, err
	}
	changes, err := client.Clear(ctx, apply.Inventory{Owner: env.Name, Part: c.Name})
	if utilnet.IsConnectionRefused(err) {
		return false, nil
	}
	for _, change := range changes {
		if change.Action == apply.Removed {
			return true, err
		}
	}
	return false, err
}

func connect(c catalog.Component, env engine.Env) (*apply.Client, error) {
	cfg, err := apply.Load(env.Kubeconfig)
	if err != nil {
		return nil, err
	}
	return apply.New(cfg, apply.Options{
		FieldManager: apply.FieldManager + "-" + env.Name,
		Namespace:    c.Namespace, Force: true, Shared: env.Shared, Progress: env.Progress,
	})
}
