package helm

import (
	"fmt"
	"log/slog"

	"helm.sh/helm/v3/pkg/action"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/rest"

	"github.com/buenhyden/hy-home/internal/apply"
	"github.com/buenhyden/hy-home/internal/engine"
)

// configure prepares Helm for the platform's cluster. Releases are kept where
// the helm command looks for them as well: in Secrets of the namespace.
func configure(namespace string, env engine.Env) (*action.Configuration, error) {
	flags := genericclioptions.NewConfigFlags(true)
	flags.KubeConfig = &env.Kubeconfig // named, so neither KUBECONFIG nor ~/.kube is read
	flags.Namespace = &namespace
	flags.WrapConfigFn = func(cfg *rest.Config) *rest.Config {
		cfg.QPS = -1 // the API server's own fairness is the limit
		cfg.UserAgent = "hyaction"
		cfg.WarningHandler = warnings{env.Log}
		apply.Count(cfg)
		return cfg
	}
	cfg := new(action.Configuration)
	debug := func(format string, args ...any) { env.Log.Debug("helm", "message", fmt.Sprintf(format, args...)) }
	if err := cfg.Init(flags, namespace, "secret", debug); err != nil {
		return nil, fmt.Errorf("helm: %w", err)
	}
	return cfg, nil
}

// warnings takes the API server's warnings into the log; the default prints them.
type warnings struct{ log *slog.Logger }

// HandleWarningHeader logs one warning.
func (w warnings) HandleWarningHeader(_ int, _ string, text string) {
	w.log.Warn("kubernetes", "warning", text)
}
