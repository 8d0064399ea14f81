package rollout

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
)

// Sighting is a Rollout as it was at one moment.
type Sighting struct {
	Time  time.Time
	State *State // nil: there is no such Rollout
}

// Follow sends the Rollout as it is now and then each time it changes, until the
// context ends (it returns nil then) or the cluster turns out to be unreadable
// (it returns an [*Unreadable]). It keeps one watch open: a dropped connection is
// taken up where it broke, an outdated position (410 Gone) starts over with a
// list. Once the first list succeeded, an API server that is away is waited for.
func (c *Cluster) Follow(ctx context.Context, namespace, name string, out chan<- Sighting) error {
	f := follower{Cluster: c, namespace: namespace, name: name, out: out}
	started := time.Now()
	var refused time.Time // since when an answer is no that was yes before
	pause := c.retry
	for {
		err := f.round(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err == nil {
			pause, refused = c.retry, time.Time{}
			continue
		}
		if bad := c.fatal(err, namespace); bad != nil {
			if refused.IsZero() {
				refused = time.Now()
			}
			if !f.seen || time.Since(refused) >= c.restart {
				return bad
			}
		}
		if !f.seen && time.Since(started) >= c.firstContact {
			return c.unreachable(err)
		}
		c.log("watch of the Rollout broke, trying again", "error", err, "pause", pause)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		if f.seen { // at first contact the question is only whether it is there at all
			pause = min(2*pause, maxRetry)
		}
	}
}

// follower is the state of one Follow.
type follower struct {
	*Cluster
	namespace, name string
	out             chan<- Sighting
	position        string // resourceVersion to go on from; empty means list anew
	seen            bool   // a list succeeded before
}

// round lists if it must and then watches until the watch ends. No error means:
// it ended in an ordinary way, go on at once.
func (f *follower) round(ctx context.Context) error {
	if f.position == "" {
		if err := f.list(ctx); err != nil {
			return err
		}
		f.seen = true
	}
	opened := time.Now()
	err := f.watch(ctx)
	if apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
		f.position = ""
		return nil
	}
	if err == nil && time.Since(opened) < time.Second {
		// A server or proxy that closes every watch at once must not make this a busy loop.
		return errors.New("the API server closed the watch at once")
	}
	return err
}

// selector narrows to the one object; RBAC rules with resourceNames allow it.
func (f *follower) selector() metav1.ListOptions {
	return metav1.ListOptions{FieldSelector: "metadata.name=" + f.name}
}

func (f *follower) list(ctx context.Context) error {
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if !f.seen { // an address that swallows packets must not take longer than a refusal
		var stop context.CancelFunc
		call, stop = context.WithTimeout(call, f.firstContact)
		defer stop()
	}
	found, err := f.dynamic.Resource(rollouts).Namespace(f.namespace).List(call, f.selector())
	if err != nil {
		return err
	}
	f.position = found.GetResourceVersion()
	for i := range found.Items {
		if found.Items[i].GetName() == f.name { // a server that ignores the selector must not mislead
			return f.send(ctx, &found.Items[i])
		}
	}
	return f.send(ctx, nil)
}

func (f *follower) watch(ctx context.Context) error {
	options := f.selector()
	options.ResourceVersion, options.AllowWatchBookmarks = f.position, true
	w, err := f.dynamic.Resource(rollouts).Namespace(f.namespace).Watch(ctx, options)
	if err != nil {
		return err
	}
	defer w.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case event, open := <-w.ResultChan():
			if !open {
				return nil
			}
			if err := f.event(ctx, event); err != nil {
				return err
			}
		}
	}
}

func (f *follower) event(ctx context.Context, event watch.Event) error {
	if event.Type == watch.Error {
		err := apierrors.FromObject(event.Object)
		if !apierrors.IsResourceExpired(err) && !apierrors.IsGone(err) {
			f.position = "" // whatever it was, the position can no longer be trusted
		}
		return err
	}
	o, ok := event.Object.(*unstructured.Unstructured)
	if !ok {
		return fmt.Errorf("the watch sent a %T", event.Object)
	}
	f.position = o.GetResourceVersion()
	if event.Type == watch.Bookmark || o.GetName() != f.name {
		return nil
	}
	if event.Type == watch.Deleted {
		o = nil
	}
	return f.send(ctx, o)
}

// send reads what the Rollout refers to and passes the whole on.
func (f *follower) send(ctx context.Context, o *unstructured.Unstructured) error {
	s := Sighting{Time: time.Now()}
	if o != nil {
		state := Decode(o.Object)
		if state.Ref != nil {
			var err error
			if state.Workload, err = f.workload(ctx, *state.Ref); err != nil {
				f.position = "" // this sighting was not delivered: see it again
				return err
			}
		}
		s.State = &state
	}
	select {
	case f.out <- s:
	case <-ctx.Done():
	}
	return nil
}

// workload reads the object behind a workloadRef; nil when there is none. The
// resource's name is guessed from its kind, which is right for every kind that
// Argo Rollouts accepts (Deployment, ReplicaSet, PodTemplate).
func (f *follower) workload(ctx context.Context, ref Ref) (*Workload, error) {
	gv, err := schema.ParseGroupVersion(ref.APIVersion)
	if err != nil {
		return nil, nil
	}
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	resource := gv.WithResource(strings.ToLower(ref.Kind) + "s")
	o, err := f.dynamic.Resource(resource).Namespace(f.namespace).Get(call, ref.Name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case apierrors.IsForbidden(err):
		return nil, &Unreadable{"forbidden", fmt.Sprintf("no permission to read %s %s/%s, whose template the Rollout uses: grant get on it", ref.Kind, f.namespace, ref.Name)}
	case err != nil:
		return nil, fmt.Errorf("read %s %s/%s: %w", ref.Kind, f.namespace, ref.Name, err)
	}
	return DecodeWorkload(o.Object), nil
}
