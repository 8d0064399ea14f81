package apply

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	utilnet "k8s.io/apimachinery/pkg/util/net"
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

func loader(path string) *clientcmd.ClientConfigLoadingRules {
	return &clientcmd.ClientConfigLoadingRules{ExplicitPath: path}
}

// IsTransient reports whether the same request may well succeed when sent
// again: the connection broke, the API server is busy, or a webhook behind it
// does not answer yet.
func IsTransient(err error) bool {
	var op *net.OpError
	var internal *apierrors.StatusError
	switch {
	case err == nil:
		return false
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return false // whoever set the limit wants no more, whatever was last seen
	case utilnet.IsConnectionRefused(err), utilnet.IsConnectionReset(err), utilnet.IsHTTP2ConnectionLost(err):
		return true
	case utilnet.IsProbableEOF(err), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &op):
		return true // an answer that was cut short ends in ErrUnexpectedEOF, which IsProbableEOF does not know
	case apierrors.IsServerTimeout(err), apierrors.IsTooManyRequests(err), apierrors.IsServiceUnavailable(err), apierrors.IsTimeout(err):
		return true
	case apierrors.IsInternalError(err) && errors.As(err, &internal):
		return true // "failed calling webhook ..." comes as a 500
	}
	return false
}
