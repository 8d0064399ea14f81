package ready

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"

	"github.com/buenhyden/hy-home/internal/catalog"
)

var (
	podResource   = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	eventResource = schema.GroupVersionResource{Version: "v1", Resource: "events"}
	setResource   = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "replicasets"}
)

// follow keeps a local copy of what the selectors choose. changed gets a token
// for every change; the copy is whole when follow returns.
func (c *Cluster) follow(ctx context.Context, gvr schema.GroupVersionResource, namespace, fields, labels string, changed func()) (cache.Store, error) {
	informer := dynamicinformer.NewFilteredDynamicInformer(c.Dynamic, gvr, namespace, 0, cache.Indexers{}, func(o *metav1.ListOptions) {
		o.FieldSelector, o.LabelSelector = fields, labels
	}).Informer()
	refused := make(chan error, 1)
	// The default prints. An answer that stays the same is the end of the wait.
	if err := informer.SetWatchErrorHandlerWithContext(func(_ context.Context, _ *cache.Reflector, err error) {
		if apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) {
			select {
			case refused <- err:
			default:
			}
		}
	}); err != nil {
		return nil, err
	}
	if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { changed() },
		UpdateFunc: func(any, any) { changed() },
		DeleteFunc: func(any) { changed() },
	}); err != nil {
		return nil, err
	}
	go informer.RunWithContext(ctx)
	select {
	case <-informer.HasSyncedChecker().Done():
		return informer.GetStore(), nil
	case err := <-refused:
		return nil, finalError{err}
	case <-ctx.Done():
		return nil, fmt.Errorf("the API server does not list %s", gvr.Resource)
	}
}

// surroundings are the pods, ReplicaSets and warnings of one namespace, which
// tell why a workload in it is not ready. They are followed from the first
// question on, once for all probes of a component.
type surroundings struct {
	namespace string
	since     time.Time
	start     func() error

	mu                 sync.Mutex
	told               []chan struct{}
	pods, sets, events cache.Store
}

func (c *Cluster) surroundings(ctx context.Context, namespace string) *surroundings {
	s := &surroundings{namespace: namespace, since: time.Now()}
	s.start = sync.OnceValue(func() error {
		var wait sync.WaitGroup
		var faults [3]error
		for i, f := range []struct {
			store    *cache.Store
			resource schema.GroupVersionResource
			fields   string
		}{{&s.pods, podResource, ""}, {&s.sets, setResource, ""}, {&s.events, eventResource, "type=" + corev1.EventTypeWarning}} {
			wait.Go(func() { *f.store, faults[i] = c.follow(ctx, f.resource, namespace, f.fields, "", s.changed) })
		}
		wait.Wait()
		return errors.Join(faults[:]...)
	})
	return s
}

// subscribe gives a channel that has a token when something changed.
func (s *surroundings) subscribe() chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch := make(chan struct{}, 1)
	s.told = append(s.told, ch)
	return ch
}

func (s *surroundings) changed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ch := range s.told {
		token(ch)
	}
}

func token(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// warnings are the warnings about the objects with these UIDs since the wait
// began, oldest first. An older one may be of a fault that is mended.
func (s *surroundings) warnings(uids ...string) []corev1.Event {
	var events []corev1.Event
	for _, e := range typed[corev1.Event](s.events) {
		if slices.Contains(uids, string(e.InvolvedObject.UID)) && lastSeen(e).After(s.since.Add(-time.Second)) {
			events = append(events, e)
		}
	}
	slices.SortStableFunc(events, func(a, b corev1.Event) int { return lastSeen(a).Compare(lastSeen(b)) })
	return events
}

// lastSeen is when an event happened last; which field says so depends on who wrote it.
func lastSeen(e corev1.Event) time.Time {
	if e.Series != nil {
		return e.Series.LastObservedTime.Time
	}
	for _, t := range []time.Time{e.LastTimestamp.Time, e.EventTime.Time, e.CreationTimestamp.Time} {
		if !t.IsZero() {
			return t
		}
	}
	return time.Time{}
}

// builtIn are the resources of the kinds in [catalog.BuiltIn]: they need no
// question to the API server.
var builtIn = map[string]string{
	"Deployment": "deployments", "StatefulSet": "statefulsets", "DaemonSet": "daemonsets", "ReplicaSet": "replicasets",
	"Job": "jobs", "Pod": "pods", "Service": "services", "Secret": "secrets", "ConfigMap": "configmaps",
	"PersistentVolumeClaim": "persistentvolumeclaims", "Namespace": "namespaces",
}

// resource finds under which name a kind is served, and whether in namespaces.
// A kind that is not served may come: its CRD is on the way.
func (c *Cluster) resource(apiVersion, kind string) (schema.GroupVersionResource, bool, error) {
	if known := catalog.BuiltIn[kind]; known != "" && (apiVersion == "" || apiVersion == known) {
		gv, err := schema.ParseGroupVersion(known)
		return gv.WithResource(builtIn[kind]), kind != "Namespace", err
	}
	gv, err := schema.ParseGroupVersion(apiVersion)
	if err != nil {
		return schema.GroupVersionResource{}, false, finalError{err}
	}
	served, err := c.Client.Discovery().ServerResourcesForGroupVersion(apiVersion)
	if err != nil && !apierrors.IsNotFound(err) {
		return schema.GroupVersionResource{}, false, err
	}
	if served != nil {
		for _, r := range served.APIResources {
			if r.Kind == kind && !strings.Contains(r.Name, "/") {
				return gv.WithResource(r.Name), r.Namespaced, nil
			}
		}
	}
	return schema.GroupVersionResource{}, false, fmt.Errorf("kind %s of %s is not served yet", kind, apiVersion)
}

// in lists the objects of a store by name.
func in(store cache.Store) []*unstructured.Unstructured {
	var objs []*unstructured.Unstructured
	for _, o := range store.List() {
		if u, ok := o.(*unstructured.Unstructured); ok {
			objs = append(objs, u)
		}
	}
	slices.SortFunc(objs, func(a, b *unstructured.Unstructured) int { return strings.Compare(a.GetName(), b.GetName()) })
	return objs
}
