package helm

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"helm.sh/helm/v3/pkg/release"
	storage "helm.sh/helm/v3/pkg/storage/driver"

	"github.com/buenhyden/hy-home/internal/apply"
	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/ready"
)

// absent is what the release made and the cluster no longer has. Helm itself
// looks at its own note of the release only.
func absent(ctx context.Context, last *release.Release, env engine.Env) ([]apply.Ref, error) {
	objs, err := apply.Decode(strings.NewReader(last.Manifest), "the release's manifest")
	if err != nil {
		return nil, err
	}
	cfg, err := apply.Load(env.Kubeconfig)
	if err != nil {
		return nil, err
	}
	client, err := apply.New(cfg, apply.Options{Namespace: last.Namespace})
	if err != nil {
		return nil, err
	}
	return client.Absent(ctx, objs)
}

// Status says how the release is, and asks the component's probes once.
func (d Driver) Status(ctx context.Context, c catalog.Component, env engine.Env) (string, error) {
	name, err := releaseName(c)
	if err != nil {
		return "", err
	}
	cfg, err := configure(c.Namespace, env)
	if err != nil {
		return "", err
	}
	last, err := cfg.Releases.Last(name)
	switch {
	case errors.Is(err, storage.ErrReleaseNotFound):
		return "absent", nil
	case err != nil:
		return "", err
	case last.Info.Status != release.StatusDeployed:
		return fmt.Sprintf("release %s is %s: %s", name, last.Info.Status, last.Info.Description), nil
	}
	missing, err := absent(ctx, last, env)
	if err != nil {
		return "", err
	}
	client, err := connect(c, env)
	if err != nil {
		return "", err
	}
	_, gone, err := client.Missing(ctx, apply.Inventory{Owner: env.Name, Part: c.Name})
	if err != nil {
		return "", err
	}
	if missing = append(missing, gone...); len(missing) > 0 {
		return fmt.Sprintf("%d objects are missing: %s", len(missing), missing[0]), nil
	}
	restConfig, err := apply.Load(env.Kubeconfig)
	if err != nil {
		return "", err
	}
	probes, err := ready.New(restConfig)
	if err != nil {
		return "", err
	}
	return probes.Now(ctx, c), nil
}
