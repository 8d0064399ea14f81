package cluster

import (
	"context"
	"fmt"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/credential"
	"github.com/buenhyden/hy-home/internal/engine"
)

// Recall reads the platform's credentials from the cluster of an earlier run, if
// that is there and was made to its end: a half made one will be made anew.
func (d Driver) Recall(ctx context.Context, _ catalog.Component, env engine.Env) (map[string]string, error) {
	api, err := d.Docker(ctx)
	if err != nil {
		return nil, err
	}
	k := newKind(env)
	have, err := k.own(ctx, api)
	if err != nil || len(have) == 0 || k.halfMade() {
		return nil, err
	}
	// Not the file in the state directory, which may be lost as well.
	text, err := k.provider.KubeConfig(k.name, false)
	if err != nil {
		return nil, fmt.Errorf("kubeconfig of kind cluster %s: %w", k.name, err)
	}
	cfg, err := clientcmd.RESTConfigFromKubeConfig([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("kubeconfig of kind cluster %s: %w", k.name, err)
	}
	return credential.Recall(ctx, cfg, env.Name)
}
