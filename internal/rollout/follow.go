package rollout

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
)

// watchTime is how long a watch may last, in seconds: longer than any gate. Left to
// itself the API server ends each one after 30 to 60 minutes, and each new one is a
// request more.
const watchTime = int64(24 * time.Hour / time.Second)

// follower sees one object as it is now and then each time it changes. It keeps one
// watch open: a dropped connection is taken up where it broke, an outdated position
// (410 Gone) starts over with a list.
type follower struct {
	*Cluster
	resource        schema.GroupVersionResource
	namespace, name string
	send            func(context.Context, *unstructured.Unstructured) error // nil is none; what fails is sent again
	fatal           func(error) *Unreadable                                 // which errors will not go away by trying again

	position string // resourceVersion to go on from; empty means list anew
	seen     bool   // a list succeeded before
}

// follow ends with the context (it returns nil then) or with an [*Unreadable].
func (f *follower) follow(ctx context.Context) error {
	started := time.Now()
	var refused time.Time // since when an answer is no that was yes before
	pause := f.retry
	for {
		err := f.round(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err == nil {
			pause, refused = f.retry, time.Time{}
			continue
		}
		bad := f.fatal(err)
		if bad != nil {
			if refused.IsZero() {
				refused, pause = time.Now(), f.restart/firstRefusal
			}
			left := f.restart - time.Since(refused)
			if !f.seen || left <= 0 {
				return bad
			}
			pause = min(pause, left)
		}
		if !f.seen && time.Since(started) >= f.firstContact {
			return f.unreachable(err)
		}
		f.log("a watch broke, trying again", "of", f.resource.Resource, "error", err, "pause", pause)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		switch {
		case !f.seen: // at first contact the question is only whether it is there at all
		case bad != nil:
			pause *= 2
		default:
			pause = min(2*pause, maxRetry)
		}
	}
}

// firstRefusal is the part of the time for which a refusal is put up with that passes
// before it is asked again: after 2, 4, 8 and 16 of 30 s, five requests in all.
const firstRefusal = 15

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
	found, err := f.dynamic.Resource(f.resource).Namespace(f.namespace).List(call, f.selector())
	if err != nil {
		return err
	}
	f.position = found.GetResourceVersion()
	for i := range found.Items {
		if found.Items[i].GetName() == f.name { // a server that ignores the selector must not mislead
			return f.deliver(ctx, &found.Items[i])
		}
	}
	return f.deliver(ctx, nil)
}

func (f *follower) watch(ctx context.Context) error {
	options, long := f.selector(), watchTime
	options.ResourceVersion, options.AllowWatchBookmarks, options.TimeoutSeconds = f.position, true, &long
	w, err := f.dynamic.Resource(f.resource).Namespace(f.namespace).Watch(ctx, options)
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
	return f.deliver(ctx, o)
}

func (f *follower) deliver(ctx context.Context, o *unstructured.Unstructured) error {
	err := f.send(ctx, o)
	if err != nil {
		f.position = "" // this sighting was not delivered: see it again
	}
	return err
}
