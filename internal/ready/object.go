package ready

import (
	"context"
	"errors"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/cache"

	"github.com/buenhyden/hy-home/internal/catalog"
)

// verdict is how one object is: done, or in which state and held up by what.
type verdict struct {
	done   bool
	state  string
	causes []Cause
}

// judge tells how an object is.
type judge func(obj *unstructured.Unstructured) verdict

// object waits by watch until the objects of a probe are as they should be, or
// until one cause has held one of them up for longer than it may.
func (c *Cluster) object(around *surroundings, p catalog.ObjectProbe) check {
	return c.watchObjects(around, "", p, func(obj *unstructured.Unstructured) verdict {
		v := judgeObject(obj, p)
		if !v.done && tells(around, p) {
			v.causes = append(around.causes(obj), v.causes...)
		}
		return v
	})
}

// tells reports whether the pods of the component's namespace can say why an
// object is not ready.
func tells(around *surroundings, p catalog.ObjectProbe) bool {
	return around.namespace != "" && namespaced(p) && (p.Namespace == "" || p.Namespace == around.namespace)
}

func established(crd string) catalog.ObjectProbe {
	return catalog.ObjectProbe{Kind: "CustomResourceDefinition", APIVersion: "apiextensions.k8s.io/v1", Name: crd, Condition: "Established"}
}

func available(service string) catalog.ObjectProbe {
	return catalog.ObjectProbe{Kind: "APIService", APIVersion: "apiregistration.k8s.io/v1", Name: service, Condition: "Available"}
}

// watchObjects is the check that judge calls all objects of p done.
func (c *Cluster) watchObjects(around *surroundings, about string, p catalog.ObjectProbe, judge judge) check {
	chosen := p.Name
	if chosen == "" {
		chosen = p.Selector
	}
	namespace := p.Namespace
	if namespace == "" {
		namespace = around.namespace
	}
	if namespaced(p) {
		chosen = namespace + "/" + chosen
	}
	what := about + strings.ToLower(p.Kind) + " " + chosen
	return check{what, func(ctx context.Context, progress func(string)) error {
		w := objectWait{cluster: c, around: around, probe: p, what: what, namespace: namespace, judge: judge, progress: progress, since: map[string]time.Time{}}
		return w.run(ctx)
	}}
}

// namespaced is a guess from the kind alone, for the name that people read.
func namespaced(p catalog.ObjectProbe) bool {
	_, cluster := caVersions[p.Kind]
	return !cluster && p.Kind != "Namespace" && !strings.HasPrefix(p.Kind, "Cluster")
}

// objectWait is the wait for one probe.
type objectWait struct {
	cluster   *Cluster
	around    *surroundings
	probe     catalog.ObjectProbe
	what      string
	namespace string
	judge     judge
	progress  func(string)

	since map[string]time.Time // cause -> when it was first seen
	told  string
}

func (w *objectWait) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	changed := w.around.subscribe()
	store, err := w.open(ctx, changed)
	var late *lateError
	if err != nil && ctx.Err() != nil && !errors.As(err, &late) {
		return lateAt(ctx, w.what, err)
	}
	if err != nil {
		return err
	}
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		v := w.look(store)
		if v.done {
			return nil
		}
		w.say(v.state)
		final, next := overdue(v.causes, w.since, time.Now())
		if final != nil {
			return errors.New(final.Text + w.cluster.lastWords(ctx, w.around.namespace, final.Key))
		}
		timer.Reset(next)
		select {
		case <-ctx.Done():
			return w.late(ctx, v, in(store))
		case <-changed:
		case <-timer.C:
		}
	}
}

// open starts to follow the objects, as soon as their kind is served.
func (w *objectWait) open(ctx context.Context, changed chan struct{}) (cache.Store, error) {
	p := w.probe
	if tells(w.around, p) {
		if err := w.around.start(); err != nil {
			return nil, err
		}
	}
	var store cache.Store
	err := poll(ctx, w.what, func(ctx context.Context) error {
		gvr, inNamespace, err := w.cluster.resource(p.APIVersion, p.Kind)
		if err != nil {
			w.say(err.Error())
			return err
		}
		namespace, fields := w.namespace, ""
		if !inNamespace {
			namespace = ""
		}
		if p.Name != "" {
			fields = "metadata.name=" + p.Name
		}
		store, err = w.cluster.follow(ctx, gvr, namespace, fields, p.Selector, func() { token(changed) })
		return err
	})
	return store, err
}

func (w *objectWait) say(state string) {
	if state != "" && state != w.told {
		w.progress(w.what + ": " + state)
		w.told = state
	}
}

// look sums the objects up: done only if there are some and all are.
func (w *objectWait) look(store cache.Store) verdict {
	objs := in(store)
	if len(objs) == 0 {
		return verdict{state: "not there yet"}
	}
	sum := verdict{done: true}
	for _, obj := range objs {
		v := w.judge(obj)
		if v.done {
			continue
		}
		if sum.done {
			sum.state = v.state
			if w.probe.Name == "" {
				sum.state = obj.GetName() + ": " + v.state
			}
		}
		sum.done = false
		sum.causes = append(sum.causes, v.causes...)
	}
	return sum
}

// late lists what stands in the way when time is up.
func (w *objectWait) late(ctx context.Context, v verdict, objs []*unstructured.Unstructured) error {
	var blocking []string
	for _, c := range v.causes {
		blocking = append(blocking, c.Text)
	}
	if len(blocking) == 0 && len(objs) > 0 && tells(w.around, w.probe) {
		blocking = w.around.unhappy(objs)
	}
	return lateAt(ctx, w.what, errors.New(v.state), blocking...)
}

// overdue returns the cause that has lasted longer than its patience, or else how
// long until one can. Causes that have gone are forgotten.
func overdue(causes []Cause, since map[string]time.Time, now time.Time) (*Cause, time.Duration) {
	seen := make(map[string]bool, len(causes))
	next := time.Hour
	for i, c := range causes {
		seen[c.Key] = true
		first, ok := since[c.Key]
		if !ok {
			first = now
			since[c.Key] = now
		}
		left := c.Patience - now.Sub(first)
		if left <= 0 {
			return &causes[i], 0
		}
		next = min(next, left)
	}
	for key := range since {
		if !seen[key] {
			delete(since, key)
		}
	}
	return nil, next
}
