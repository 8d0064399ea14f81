// Package ready answers whether what a component started in the cluster is up,
// by the probes that the catalog lists for it.
//
// It watches instead of polling wherever Kubernetes can be watched, so "ready"
// is known the moment it is true, and it looks at the pods behind a workload, so
// that a missing image or a crash loop is told by name after seconds and not as
// a time-out after minutes. A time-out is an error that lists what is in the way.
package ready

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/buenhyden/hy-home/internal/catalog"
)

// DefaultTimeout bounds a [Cluster.Wait] whose context has no deadline.
const DefaultTimeout = 5 * time.Minute

// Cluster answers the probes of the cluster tier.
type Cluster struct {
	Client  kubernetes.Interface
	Dynamic dynamic.Interface
	Config  *rest.Config // of the streams that exec and tcp probes open; they alone need it
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
	return &Cluster{Client: client, Dynamic: dyn, Config: cfg}, nil
}

// Wait returns nil when all probes of comp hold, and an error that names the
// cause as soon as one never will. Running out of time is always an error; it
// tells what each probe still waited for.
//
// What is watched goes first, all of it at once; only when that holds is asked
// what can only be asked, which spares the API server the questions before.
func (c *Cluster) Wait(ctx context.Context, comp catalog.Component, progress func(string)) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, DefaultTimeout)
		defer cancel()
	}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	around := c.surroundings(watching, comp.Namespace)
	var watched, asked []check
	for _, p := range comp.Ready {
		switch p.Kind() {
		case "object":
			watched = append(watched, c.object(around, *p.Object))
		case "crd":
			watched = append(watched, c.object(around, established(p.CRD)))
		case "api-service":
			watched = append(watched, c.object(around, available(p.APIService)))
		case "ca-bundle":
			watched = append(watched, c.caBundle(around, *p.CABundle))
		case "webhook":
			asked = append(asked, c.webhook(comp, *p.Webhook))
		case "http":
			asked = append(asked, c.http(comp.Namespace, *p.HTTP))
		case "tcp":
			asked = append(asked, c.tcp(comp.Namespace, *p.TCP))
		case "exec":
			asked = append(asked, c.exec(comp.Namespace, *p.Exec))
		case "load-balancer":
			asked = append(asked, c.loadBalancer(around, *p.LoadBalancer))
		default:
			return fmt.Errorf("component %s: a probe of no kind, or of several", comp.Name)
		}
	}
	if err := all(ctx, watched, progress); err != nil {
		return err
	}
	return all(ctx, asked, progress)
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

// check is one probe: what it is about, and what waits until it holds.
type check struct {
	what string // "deployment shop/web"
	hold func(ctx context.Context, progress func(string)) error
}

// all waits until all checks hold. The first that never will ends the others; if
// time runs out, the error lists every one that did not hold.
func all(ctx context.Context, checks []check, progress func(string)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wait sync.WaitGroup
	var mu sync.Mutex
	var final error
	var late []*lateError
	for _, c := range checks {
		wait.Add(1)
		go func() {
			defer wait.Done()
			err := c.hold(ctx, progress)
			if err == nil {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			var l *lateError
			switch {
			case errors.As(err, &l):
				late = append(late, l)
			case final == nil:
				final = fmt.Errorf("%s is not ready: %w", c.what, err)
				cancel()
			}
		}()
	}
	wait.Wait()
	if final != nil || len(late) == 0 {
		return final
	}
	var lines []string
	for _, l := range late {
		lines = append(lines, l.text)
	}
	return fmt.Errorf("%s (%w)", list(lines), late[0].ended)
}

// lateError is a check that did not hold when its context ended.
type lateError struct {
	text  string
	ended error
}

func (e *lateError) Error() string { return e.text + " (" + e.ended.Error() + ")" }
func (e *lateError) Unwrap() error { return e.ended }

// lateAt says what was last seen of a check whose time is up, and what is in its way.
func lateAt(ctx context.Context, what string, last error, blocking ...string) error {
	text := what + " is not ready"
	if last != nil {
		text += ": " + last.Error()
	}
	if len(blocking) > 0 {
		text += ": " + list(blocking)
	}
	return &lateError{text, ctx.Err()}
}

// listed is how many blocking objects an error names: it is one line, and the
// rest of them mostly wait for the same.
const listed = 4

func list(lines []string) string {
	if n := len(lines) - listed; n > 0 {
		return strings.Join(lines[:listed], "; ") + fmt.Sprintf("; and %d more", n)
	}
	return strings.Join(lines, "; ")
}

// finalError is an answer that asking again cannot change.
type finalError struct{ error }

func (e finalError) Unwrap() error { return e.error }

// The pause between two questions grows from the first to the second: what is
// asked is mostly up at once, or takes its time.
const (
	firstPause = 100 * time.Millisecond
	maxPause   = time.Second
)

// poll asks until the answer is nil or final, or ctx ends.
func poll(ctx context.Context, what string, ask func(context.Context) error) error {
	var last error
	for pause := firstPause; ; pause = min(pause*3/2, maxPause) {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		// A question that the end of the wait cut short is no answer, and hides none.
		if ctx.Err() == nil {
			var final finalError
			if errors.As(err, &final) {
				return final.error
			}
			last = err
		}
		select {
		case <-ctx.Done():
			return lateAt(ctx, what, last)
		case <-time.After(pause):
		}
	}
}
