// Package ready answers whether what a component started in the cluster is up,
// by the probes that the catalog lists for it.
//
// It watches instead of polling, so "ready" is known the moment it is true, and
// it looks at the pods behind a workload, so that a missing image or a crash
// loop is told by name after seconds and not as a time-out after minutes.
package ready

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/buenhyden/hy-home/internal/apply"
	"github.com/buenhyden/hy-home/internal/catalog"
)

// DefaultTimeout bounds a [Cluster.Wait] whose context has no deadline.
const DefaultTimeout = 5 * time.Minute

// pollInterval is between two looks at what cannot be watched (HTTP, a CRD being served).
const pollInterval = 250 * time.Millisecond

// Cluster answers the probes of the cluster tier.
type Cluster struct {
	Client  kubernetes.Interface
	Dynamic dynamic.Interface
}

// New returns a Cluster that speaks to the cluster of cfg.
func New(cfg *rest.Config) (*Cluster, error) {
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("kubernetes client: %w", err)
	}
	dyn, err := dynamic.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("kubernetes client: %w", err)
	}
	return &Cluster{Client: client, Dynamic: dyn}, nil
}

// Wait returns nil when all probes of c hold, one after the other, and an error
// that names the cause as soon as one never will. Running out of time is always
// an error; it tells what was last seen.
func (c *Cluster) Wait(ctx context.Context, comp catalog.Component, progress func(string)) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, DefaultTimeout)
		defer cancel()
	}
	for _, p := range comp.Ready {
		var err error
		switch {
		case p.Rollout != nil:
			err = c.rollout(ctx, comp.Namespace, *p.Rollout, progress)
		case p.CRD != "":
			err = c.crd(ctx, p.CRD, progress)
		case p.HTTP != nil && p.HTTP.Service != "":
			err = c.http(ctx, comp.Namespace, *p.HTTP, progress)
		default:
			err = fmt.Errorf("component %s: a probe that the cluster tier does not know", comp.Name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// nowTimeout is long enough to read what the probes look at, and no longer.
const nowTimeout = 3 * time.Second

// Now asks the probes of a component that should be up: "ready", or why it is not.
func (c *Cluster) Now(ctx context.Context, comp catalog.Component) string {
	ctx, cancel := context.WithTimeout(ctx, nowTimeout)
	defer cancel()
	if err := c.Wait(ctx, comp, func(string) {}); err != nil {
		return err.Error()
	}
	return "ready"
}

var crdResource = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}

func (c *Cluster) crd(ctx context.Context, name string, progress func(string)) error {
	progress("waiting for CRD " + name)
	return poll(ctx, "CRD "+name, func() error {
		crd, err := c.Dynamic.Resource(crdResource).Get(ctx, name, metav1.GetOptions{})
		if err == nil && !apply.Established(crd) {
			err = fmt.Errorf("not established")
		}
		return err
	})
}

// http asks a Service through the API server's proxy: no port has to be
// published and the answer proves the Service's endpoints as well.
func (c *Cluster) http(ctx context.Context, namespace string, p catalog.HTTPProbe, progress func(string)) error {
	name, port, ok := strings.Cut(p.Service, ":")
	if !ok {
		return fmt.Errorf("probe: service is %q, want name:port", p.Service)
	}
	want := p.Status
	if want == 0 {
		want = http.StatusOK
	}
	what := fmt.Sprintf("http %s/%s%s", namespace, p.Service, p.Path)
	progress("waiting for " + what)
	return poll(ctx, what, func() error {
		got, err := c.status(ctx, namespace, name, port, p.Path)
		if err == nil && got != want {
			err = fmt.Errorf("answers %d, want %d", got, want)
		}
		return err
	})
}

// status is the HTTP status of one GET. The proxy hands the backend's status on
// as an API error. For a server error its text is returned as an error as well:
// it says what the number cannot ("no endpoints available for service", "dial
// tcp 10.244.1.2:9090: connection refused").
func (c *Cluster) status(ctx context.Context, namespace, name, port, path string) (int, error) {
	body, err := c.Client.CoreV1().Services(namespace).ProxyGet("http", name, port, path, nil).DoRaw(ctx)
	if err == nil {
		return http.StatusOK, nil
	}
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Code == 0 {
		return 0, err
	}
	code := int(status.Status().Code)
	if code < http.StatusInternalServerError {
		return code, nil
	}
	var answer metav1.Status
	if json.Unmarshal(body, &answer) == nil && answer.Message != "" {
		return code, errors.New(oneLine(answer.Message))
	}
	return code, fmt.Errorf("answers %d: %s", code, oneLine(string(body)))
}

// poll calls look until it returns nil or ctx ends.
func poll(ctx context.Context, what string, look func() error) error {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	var last error
	for {
		err := look()
		if err == nil {
			return nil
		}
		if ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return notReady(what, last, ctx.Err())
		case <-ticker.C:
		}
	}
}

// notReady says what was seen last before what the context says.
func notReady(what string, last, ended error) error {
	if last == nil {
		return fmt.Errorf("%s is not ready: %w", what, ended)
	}
	return fmt.Errorf("%s is not ready: %w (%w)", what, last, ended)
}
