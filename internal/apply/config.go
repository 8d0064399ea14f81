package apply

import (
	"errors"
	"fmt"
	"io/fs"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/buenhyden/hy-home/internal/exit"
)

// Load reads a kubeconfig file; nothing else (no KUBECONFIG, no in-cluster
// guess) is looked at. A file that is not there, or not a kubeconfig, is bad input.
func Load(kubeconfig string) (*rest.Config, error) {
	cfg, err := clientcmd.BuildConfigFromKubeconfigGetter("", loader(kubeconfig).Load)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, exit.BadInputf("kubeconfig %s does not exist: bring the platform up first, or name another file", kubeconfig)
	}
	if err != nil {
		return nil, exit.BadInputf("kubeconfig %s cannot be read: %w", kubeconfig, err)
	}
	// The API server's own fairness is the limit; client-go's default of 5
	// requests a second makes applying 20 objects take 8 s for nothing.
	cfg.QPS = -1
	cfg.UserAgent = "hyaction"
	cfg.WarningHandler = rest.NoWarnings{} // the default prints to stderr
	return cfg, nil
}

// CurrentContext is the name of the context that a kubeconfig file uses.
func CurrentContext(kubeconfig string) (string, error) {
	cfg, err := clientcmd.LoadFromFile(kubeconfig)
	if err != nil {
		return "", fmt.Errorf("read kubeconfig %s: %w", kubeconfig, err)
	}
	return cfg.CurrentContext, nil
}

func loader(path string) *clientcmd.ClientConfigLoadingRules {
	return &clientcmd.ClientConfigLoadingRules{ExplicitPath: path}
}
