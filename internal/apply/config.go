package apply

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"sync/atomic"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/buenhyden/hy-home/internal/decode"
	"github.com/buenhyden/hy-home/internal/exit"
)

// Load reads a kubeconfig file; nothing else (no KUBECONFIG, no in-cluster
// guess) is looked at. A file that is not there, or not a kubeconfig, is bad input.
func Load(kubeconfig string) (*rest.Config, error) {
	cfg, err := clientcmd.BuildConfigFromKubeconfigGetter("", loader(kubeconfig).Load)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, exit.BadInputf("kubeconfig %s does not exist: bring the platform up first, or name another file", kubeconfig)
	}
	if clientcmd.IsEmptyConfig(err) {
		return nil, exit.BadInputf("kubeconfig %s names no cluster: name another file", kubeconfig)
	}
	if err != nil {
		return nil, exit.BadInputf("kubeconfig %s cannot be read: %w", kubeconfig, decode.Plain(err))
	}
	// The API server's own fairness is the limit; client-go's default of 5
	// requests a second makes applying 20 objects take 8 s for nothing.
	cfg.QPS = -1
	cfg.UserAgent = "hyaction"
	cfg.WarningHandler = rest.NoWarnings{} // the default prints to stderr
	Count(cfg)
	return cfg, nil
}

// requests counts what this process has asked API servers: one number, as what it
// is for is how hard a whole run leans on them.
var requests atomic.Int64

// Requests is how many requests this process has sent to API servers. A watch is
// one, however long it stays open.
func Requests() int64 { return requests.Load() }

// Count has the requests of a configuration counted by [Requests]; [Load] does.
func Count(cfg *rest.Config) {
	cfg.Wrap(func(next http.RoundTripper) http.RoundTripper { return counter{next} })
}

type counter struct{ next http.RoundTripper }

func (c counter) RoundTrip(r *http.Request) (*http.Response, error) {
	requests.Add(1)
	return c.next.RoundTrip(r)
}

// WrappedRoundTripper lets client-go reach the transport to close its connections.
func (c counter) WrappedRoundTripper() http.RoundTripper { return c.next }

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
