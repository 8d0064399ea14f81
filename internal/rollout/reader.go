package rollout

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Sighting is a Rollout as it was at one moment.
type Sighting struct {
	Time  time.Time
	State *State // nil: there is no such Rollout
}

// Follow sends the Rollout as it is now and then each time it changes, until the
// context ends (it returns nil then) or the cluster turns out to be unreadable
// (it returns an [*Unreadable]). Once the first list succeeded, an API server that
// is away is waited for.
func (c *Cluster) Follow(ctx context.Context, namespace, name string, out chan<- Sighting) error {
	r := reader{Cluster: c, namespace: namespace, out: out}
	f := follower{Cluster: c, resource: rollouts, namespace: namespace, name: name, send: r.send}
	f.fatal = func(err error) *Unreadable { return c.fatal(err, namespace) }
	return f.follow(ctx)
}

// reader makes sightings of what a follower sees.
type reader struct {
	*Cluster
	namespace string
	out       chan<- Sighting
	read      *Workload // what the Rollout refers to, as read last
	readRef   Ref
}

// send reads what the Rollout refers to and passes the whole on.
func (r *reader) send(ctx context.Context, o *unstructured.Unstructured) error {
	s := Sighting{Time: time.Now()}
	if o != nil {
		state := Decode(o.Object)
		if state.Ref != nil {
			if !r.known(state) {
				var err error
				if r.read, err = r.workload(ctx, *state.Ref); err != nil {
					return err
				}
				r.readRef = *state.Ref
			}
			state.Workload = r.read
		}
		s.State = &state
	}
	select {
	case r.out <- s:
	case <-ctx.Done():
	}
	return nil
}

// known reports whether the workload needs no look: the controller has acted upon
// the very version that was read, and the Rollout is on its way. Otherwise each of
// its many changes on the way would be one more request.
func (r *reader) known(s State) bool {
	underWay := s.Status.Phase == Progressing || s.Status.Phase == Paused
	return r.read != nil && r.readRef == *s.Ref && underWay && s.Status.WorkloadGeneration == strconv.FormatInt(r.read.Generation, 10)
}

// workload reads the object behind a workloadRef; nil when there is none. The
// resource's name is guessed from its kind, which is right for every kind that
// Argo Rollouts accepts (Deployment, ReplicaSet, PodTemplate).
func (r *reader) workload(ctx context.Context, ref Ref) (*Workload, error) {
	gv, err := schema.ParseGroupVersion(ref.APIVersion)
	if err != nil {
		return nil, nil
	}
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	resource := gv.WithResource(strings.ToLower(ref.Kind) + "s")
	o, err := r.dynamic.Resource(resource).Namespace(r.namespace).Get(call, ref.Name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case apierrors.IsForbidden(err):
		return nil, &Unreadable{"forbidden", fmt.Sprintf("no permission to read %s %s/%s, whose template the Rollout uses: grant get on it", ref.Kind, r.namespace, ref.Name)}
	case err != nil:
		return nil, fmt.Errorf("read %s %s/%s: %w", ref.Kind, r.namespace, ref.Name, err)
	}
	return DecodeWorkload(o.Object), nil
}
