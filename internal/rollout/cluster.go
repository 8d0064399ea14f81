package rollout

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/buenhyden/hy-home/internal/decode"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/portforward"
)

var (
	rollouts = schema.GroupVersionResource{Group: "argoproj.io", Version: "v1alpha1", Resource: "rollouts"}
	runs     = schema.GroupVersionResource{Group: "argoproj.io", Version: "v1alpha1", Resource: "analysisruns"}
	pods     = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
)

// callTimeout bounds one call that is not a watch.
const callTimeout = 10 * time.Second

// Cluster reads what a gate needs from one Kubernetes API server.
type Cluster struct {
	dynamic dynamic.Interface
	core    typedcorev1.CoreV1Interface
	config  *rest.Config
	calls   *atomic.Int64
	log     func(msg string, args ...any)

	firstContact time.Duration // how long the first call is tried
	restart      time.Duration // how long a refusal is put up with after that, see restartTime
	retry        time.Duration // first pause between tries; doubles up to maxRetry
}

const maxRetry = 5 * time.Second

// restartTime is how long an API server that has just started may say 401, 403 or
// 404 to what it knows: it answers before it has read accounts, roles and CRDs. How
// long that takes depends on its machine; on an idle one it is a second.
const restartTime = 30 * time.Second

// Unreadable is a cluster that cannot answer, with the cause and the cure in one
// sentence.
type Unreadable struct {
	Reason  string // machine word: "crd_missing", "forbidden", "unauthorized" or "cluster_unreachable"
	Message string
}

func (e *Unreadable) Error() string { return e.Message }

// Connect prepares access by kubeconfig: one path, or several joined as in the
// variable KUBECONFIG. An empty contextName is the current context. No call is
// made; a kubeconfig that cannot be used is bad input.
func Connect(kubeconfig, contextName string, log func(msg string, args ...any)) (*Cluster, error) {
	paths := filepath.SplitList(kubeconfig)
	for _, p := range paths {
		if _, err := os.Stat(p); err != nil {
			return nil, exit.BadInputf("kubeconfig %s cannot be read: %w", p, errors.Unwrap(err))
		}
	}
	// The rules are built by hand so that neither the environment nor a service
	// account of the surrounding pod slips in.
	rules := &clientcmd.ClientConfigLoadingRules{Precedence: paths}
	raw, err := rules.Load()
	if err != nil {
		return nil, exit.BadInputf("kubeconfig %s is not valid: %w", kubeconfig, decode.Plain(err))
	}
	if contextName == "" {
		contextName = raw.CurrentContext
	}
	if len(raw.Contexts) == 0 {
		return nil, exit.BadInputf("kubeconfig %s holds no context, and so no cluster: name another file", kubeconfig)
	}
	if _, ok := raw.Contexts[contextName]; !ok {
		return nil, exit.BadInputf("kubeconfig %s has no context %q: name one that it has", kubeconfig, contextName)
	}
	config, err := clientcmd.NewNonInteractiveClientConfig(*raw, contextName, &clientcmd.ConfigOverrides{}, rules).ClientConfig()
	if err != nil {
		return nil, exit.BadInputf("kubeconfig %s cannot be used: %w", kubeconfig, err)
	}
	return newCluster(config, log)
}

func newCluster(config *rest.Config, log func(msg string, args ...any)) (*Cluster, error) {
	c := &Cluster{config: config, calls: new(atomic.Int64), log: log, firstContact: 4 * time.Second, restart: restartTime, retry: 200 * time.Millisecond}
	config.UserAgent = "hyaction"
	config.WarningHandler = rest.NoWarnings{} // client-go would print them
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return countingTransport{next: next, calls: c.calls}
	})
	client, err := rest.HTTPClientFor(config)
	if err == nil {
		client.Transport = renewing{client.Transport, config.BearerTokenFile, config.ExecProvider != nil, new(atomic.Bool)}
		c.dynamic, err = dynamic.NewForConfigAndClient(config, client)
	}
	if err == nil {
		c.core, err = typedcorev1.NewForConfigAndClient(config, client)
	}
	if err != nil {
		return nil, exit.BadInputf("the kubeconfig cannot be used: %w", err)
	}
	return c, nil
}

// Calls is the number of requests sent to the API server so far.
func (c *Cluster) Calls() int { return int(c.calls.Load()) }

// Forward returns how to dial a port of a Service inside the cluster. It works
// from wherever the API server can be reached.
func (c *Cluster) Forward(namespace, name, port string) func(ctx context.Context, network, address string) (net.Conn, error) {
	return portforward.To(c.config, namespace, name, port).DialContext
}

// Secret reads a key of a Secret.
func (c *Cluster) Secret(ctx context.Context, namespace, name, key string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	s, err := c.core.Secrets(namespace).Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsForbidden(err):
		return "", &Unreadable{"forbidden", fmt.Sprintf("no permission to read Secret %s/%s: grant get on it", namespace, name)}
	case err != nil:
		return "", fmt.Errorf("read Secret %s/%s: %w", namespace, name, err)
	case len(s.Data[key]) == 0:
		return "", fmt.Errorf("Secret %s/%s has no key %q", namespace, name, key)
	}
	return string(s.Data[key]), nil
}

// Runs lists the AnalysisRuns of the wanted revision, oldest first.
func (c *Cluster) Runs(ctx context.Context, s State) ([]Run, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	found, err := c.dynamic.Resource(runs).Namespace(s.Namespace).List(ctx, ofRevision(s))
	if err != nil {
		return nil, fmt.Errorf("list AnalysisRuns in %s: %w", s.Namespace, err)
	}
	all := make([]Run, len(found.Items))
	for i, item := range found.Items {
		all[i] = DecodeRun(item.Object)
	}
	return OfRevision(all, s), nil
}

// fatal says which errors of a call will not go away by trying again.
func (c *Cluster) fatal(err error, namespace string) *Unreadable {
	var known *Unreadable
	switch {
	case errors.As(err, &known):
		return known
	case apierrors.IsNotFound(err) || apierrors.IsMethodNotSupported(err):
		return &Unreadable{"crd_missing", "the cluster does not know Rollouts (rollouts.argoproj.io): install Argo Rollouts, or name the right cluster by kubeconfig and context"}
	case apierrors.IsForbidden(err):
		return &Unreadable{"forbidden", fmt.Sprintf("no permission to read Rollouts in namespace %s: grant get, list and watch on rollouts.argoproj.io (%v)", namespace, err)}
	case apierrors.IsUnauthorized(err):
		return &Unreadable{"unauthorized", "the API server does not accept the kubeconfig's credentials: renew them"}
	}
	return nil
}

// unreachable is for when the first call never got through.
func (c *Cluster) unreachable(err error) *Unreadable {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	return &Unreadable{"cluster_unreachable", fmt.Sprintf("the API server at %s does not answer (%v): check that the cluster runs and that the kubeconfig points at it", c.config.Host, err)}
}
