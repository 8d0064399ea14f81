// Package helm is the driver of components that are Helm charts. It is the only
// package that imports Helm: version 3 has reached its end of life, and version
// 4 must be a change of this package alone.
//
// The chart is fetched from its repository, or lies in the component's directory
// chart/; its values are in values.yaml beside component.yaml, and no credential
// in either: the chart names the Secrets that the component's kubernetes-secrets
// make. The release carries a hash of both, so that a run on a platform that is as
// wanted touches nothing, not even the release's revision.
package helm

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/release"
	storage "helm.sh/helm/v3/pkg/storage/driver"
	utilnet "k8s.io/apimachinery/pkg/util/net"

	"github.com/buenhyden/hy-home/internal/apply"
	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/ready"
)

// inputsLabel on a release holds the hash of the chart and values it was made from.
const inputsLabel = "hyaction-inputs"

// hookTimeout bounds each hook of a chart: the longest known is cert-manager's
// check of its own API, which takes up to three minutes on a busy machine.
const hookTimeout = 4 * time.Minute

// maxHistory is how many revisions are kept: the deployed one and the one before.
const maxHistory = 2

// Driver is the [engine.Driver] for Helm charts.
type Driver struct{}

// Settings are what component.yaml may say.
type Settings struct {
	Release string `yaml:"release"` // "" means the component's name

	// Repository, Chart and Version name a chart that is fetched, as lock.RemoteChart reads them.
	// Without them it lies in the component's directory.
	Repository string `yaml:"repository"`
	Chart      string `yaml:"chart"`
	Version    string `yaml:"version"`
}

// Apply installs or upgrades the release and waits until the component's probes
// hold. Helm's own wait is not used: it looks at one object after the other
// every two seconds and cannot say why one is not ready.
//
// A release that failed is left as it is for a look; the next Apply goes on from
// there. One that another process left pending is taken over.
func (d Driver) Apply(ctx context.Context, c catalog.Component, env engine.Env) (engine.Outcome, error) {
	name, err := releaseName(c)
	if err != nil {
		return "", err
	}
	ch, values, hash, err := load(ctx, c, env)
	if err != nil {
		return "", err
	}
	cfg, err := configure(c.Namespace, env)
	if err != nil {
		return "", err
	}
	prepared, err := before(ctx, c, ch, env)
	if err != nil {
		if apply.IsTransient(err) {
			err = engine.Transient(err)
		}
		return "", err
	}
	outcome, err := d.converge(ctx, cfg, target{name, c.Namespace, ch, values, hash, absent, pins{env.Lock}}, env)
	if err != nil {
		err = fmt.Errorf("helm: release %s of chart %s %s: %w", name, ch.Name(), ch.Metadata.Version, err)
		if apply.IsTransient(err) {
			err = engine.Transient(err)
		}
		return "", err
	}
	restConfig, err := apply.Load(env.Kubeconfig)
	if err != nil {
		return "", err
	}
	probes, err := ready.New(restConfig)
	if err != nil {
		return "", err
	}
	if outcome == engine.Unchanged && prepared != apply.Unchanged {
		outcome = engine.Configured
	}
	return outcome, probes.Wait(ctx, c, env.Progress)
}

// target is the release as it should be.
type target struct {
	name, namespace string
	chart           *chart.Chart
	values          map[string]any
	hash            string
	absent          func(context.Context, *release.Release, engine.Env) ([]apply.Ref, error)
	pins            pins
}

func (d Driver) converge(ctx context.Context, cfg *action.Configuration, t target, env engine.Env) (engine.Outcome, error) {
	last, err := cfg.Releases.Last(t.name)
	switch {
	case errors.Is(err, storage.ErrReleaseNotFound):
		return engine.Created, install(ctx, cfg, t, env)
	case err != nil:
		return "", err
	}
	switch status := last.Info.Status; {
	case last.Labels[inputsLabel] != t.hash && len(others(last, env)) > 0:
		return "", exit.BadInputf("release %s in namespace %s belongs to platform %s as well, which wants another version or other values of it: make the two alike, or leave the component out of one",
			t.name, t.namespace, others(last, env)[0])
	case last.Labels[inputsLabel] == "":
		return "", exit.BadInputf("release %s in namespace %s was made by somebody else: leave the component out, or uninstall it first", t.name, t.namespace)
	case status == release.StatusDeployed && last.Labels[inputsLabel] == t.hash:
		missing, err := t.absent(ctx, last, env)
		if err != nil {
			return "", err
		}
		if len(missing) == 0 {
			return hold(cfg, last, env)
		}
		env.Progress("upgrading, as " + missing[0].String() + " is not there any more")
	case status == release.StatusUninstalling:
		env.Progress("finishing an uninstall that was cut short")
		if _, err := uninstall(cfg, t.name); err != nil {
			return "", err
		}
		return engine.Created, install(ctx, cfg, t, env)
	case status.IsPending():
		// Helm takes "pending" for a lock and would refuse for ever. Runs on one
		// platform exclude each other, so whoever left it is gone.
		env.Progress("taking over a release that was left " + status.String())
		last.SetStatus(release.StatusFailed, "left "+status.String()+" by a process that ended")
		if err := cfg.Releases.Update(last); err != nil {
			return "", err
		}
	}
	return engine.Configured, upgrade(ctx, cfg, t, env)
}

func install(ctx context.Context, cfg *action.Configuration, t target, env engine.Env) error {
	env.Progress("installing chart " + t.chart.Name() + " " + t.chart.Metadata.Version)
	i := action.NewInstall(cfg)
	i.ReleaseName, i.Namespace = t.name, t.namespace
	i.Labels = map[string]string{inputsLabel: t.hash, holderLabel(env): t.name}
	i.Timeout = hookTimeout
	i.PostRenderer = t.pins
	i.SkipCRDs = true // see before
	_, err := i.RunWithContext(ctx, t.chart, t.values)
	return err
}

func upgrade(ctx context.Context, cfg *action.Configuration, t target, env engine.Env) error {
	env.Progress("upgrading to chart " + t.chart.Name() + " " + t.chart.Metadata.Version)
	u := action.NewUpgrade(cfg)
	u.Namespace = t.namespace
	u.Labels = map[string]string{inputsLabel: t.hash, holderLabel(env): t.name} // beside those of others
	u.Timeout = hookTimeout
	u.MaxHistory = maxHistory
	u.PostRenderer = t.pins
	u.SkipCRDs = true
	u.ResetValues = true // what the component says is all there is
	u.CleanupOnFail = true
	_, err := u.RunWithContext(ctx, t.name, t.chart, t.values)
	return err
}

// Remove uninstalls the release and what came before it. A cluster that is gone
// holds none.
func (d Driver) Remove(ctx context.Context, c catalog.Component, env engine.Env) (engine.Outcome, error) {
	name, err := releaseName(c)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(env.Kubeconfig); errors.Is(err, fs.ErrNotExist) {
		return engine.Unchanged, nil
	}
	cfg, err := configure(c.Namespace, env)
	if err != nil {
		return "", err
	}
	outcome, stays, err := letGo(cfg, name, env)
	if err != nil {
		return outcome, err
	}
	if !stays {
		removed, err := uninstall(cfg, name)
		switch {
		case utilnet.IsConnectionRefused(err):
			return engine.Unchanged, nil
		case err != nil:
			return "", fmt.Errorf("helm: uninstall release %s: %w", name, err)
		case removed:
			outcome = engine.Removed
		default:
			outcome = engine.Unchanged
		}
	}
	cleared, err := after(ctx, c, env)
	if cleared {
		outcome = engine.Removed
	}
	return outcome, err
}

func uninstall(cfg *action.Configuration, name string) (bool, error) {
	u := action.NewUninstall(cfg)
	u.Timeout = hookTimeout
	u.IgnoreNotFound = true
	res, err := u.Run(name)
	return res != nil && res.Release != nil, err
}

func releaseName(c catalog.Component) (string, error) {
	var s Settings
	if err := c.DecodeSettings(&s); err != nil && len(c.Settings) > 0 {
		return "", err
	}
	if c.Namespace == "" {
		return "", exit.BadInputf("component %s: namespace is empty: a Helm release lives in one", c.Name)
	}
	if s.Release != "" {
		return s.Release, nil
	}
	return c.Name, nil
}
