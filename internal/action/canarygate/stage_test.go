package canarygate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/buenhyden/hy-home/internal/promql"
	"github.com/buenhyden/hy-home/internal/rollout"
)

// stage plays a cluster and a Prometheus by the clock: what is seen after how
// many seconds. Tests run in a synctest bubble, so the clock is free.
type stage struct {
	rollouts []scene
	values   map[int]promql.Result // from which second the query gives what
	errs     map[int]error         // from which second it fails; nil ends that
	ping     error
	hangs    bool                     // instead of answering at once
	refuses  string                   // queries with this in them are not understood
	parses   bool                     // it can say so without executing them
	trouble  map[int]*rollout.Trouble // from which second pods cannot start
	runs     []rollout.Run
	later    map[int][]rollout.Run // from which second there are others
	lost     error                 // Follow ends with it at once

	start   time.Time
	aborted bool
	ranges  map[string][]float64 // what a range query gives

	apps map[int]rollout.Application

	paused, promoted bool
	looks            int
	blind            bool // pods may not be watched
	queries          []string
}

type scene struct {
	after int // seconds
	state *rollout.State
}

func (s *stage) second() int { return int(time.Since(s.start).Seconds()) }

// latest returns the entry of the greatest key that is not in the future.
func latest[T any](m map[int]T, now int) (v T, ok bool) {
	best := -1
	for at, value := range m {
		if at <= now && at > best {
			best, v, ok = at, value, true
		}
	}
	return v, ok
}

func (s *stage) Follow(ctx context.Context, _, _ string, out chan<- rollout.Sighting) error {
	if s.lost != nil {
		return s.lost
	}
	for _, sc := range s.rollouts {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Until(s.start.Add(time.Duration(sc.after) * time.Second))):
		}
		select {
		case <-ctx.Done():
			return nil
		case out <- rollout.Sighting{Time: time.Now(), State: sc.state}:
		}
	}
	<-ctx.Done()
	return nil
}

func (s *stage) Runs(context.Context, rollout.State) ([]rollout.Run, error) {
	if runs, ok := latest(s.later, s.second()); ok {
		return runs, nil
	}
	return s.runs, nil
}

func (s *stage) Ailing(ctx context.Context, _ rollout.State, out chan<- *rollout.Trouble) error {
	s.looks++
	if s.blind {
		return fmt.Errorf("watch pods: %w", apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "", errors.New("no rule")))
	}
	var told *rollout.Trouble
	for {
		if t, _ := latest(s.trouble, s.second()); t != told {
			told = t
			select {
			case <-ctx.Done():
				return nil
			case out <- t:
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second): // the clock of the bubble
		}
	}
}

func (s *stage) Trouble(context.Context, rollout.State) (*rollout.Trouble, error) {
	s.looks++
	t, _ := latest(s.trouble, s.second())
	return t, nil
}

func (s *stage) Abort(context.Context, rollout.State) error { s.aborted = true; return nil }
func (s *stage) Pause(context.Context, rollout.State) error { s.paused = true; return nil }

func (s *stage) Promote(context.Context, rollout.State) error { s.promoted = true; return nil }

func (s *stage) QueryRange(_ context.Context, query string, _, end time.Time, step time.Duration) (promql.Result, error) {
	if err := s.refuse(query); err != nil {
		return promql.Result{}, err
	}
	r := promql.Result{Kind: promql.Matrix, Values: s.ranges[query]}
	var one promql.Series
	for i, v := range r.Values {
		one.Points = append(one.Points, promql.Point{Time: end.Add(time.Duration(i+1-len(r.Values)) * step), Value: v})
	}
	r.Series = []promql.Series{one}
	return r, nil
}

func (s *stage) FollowApplication(ctx context.Context, _, _ string, out chan<- rollout.Application) error {
	if _, ok := latest(s.apps, s.second()); !ok {
		return &rollout.Unreadable{Reason: "application_missing", Message: "Application argocd/shop does not exist"}
	}
	for _, at := range slices.Sorted(maps.Keys(s.apps)) {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Until(s.start.Add(time.Duration(at) * time.Second))):
		}
		select {
		case <-ctx.Done():
			return nil
		case out <- s.apps[at]:
		}
	}
	<-ctx.Done()
	return nil
}

func (s *stage) Generation(context.Context, string, string) (int64, error) { return 3, nil }

func (s *stage) Forward(string, string, string) func(context.Context, string, string) (net.Conn, error) {
	return nil
}

func (s *stage) Secret(_ context.Context, _, name, key string) (string, error) {
	return name + "-" + key, nil
}

func (s *stage) Calls() int { return 3 }

func (s *stage) Ping(ctx context.Context) error {
	if s.hangs {
		<-ctx.Done()
	}
	return s.ping
}

// Check implements prometheus.
func (s *stage) Check(_ context.Context, query string) error {
	if s.parses {
		return s.refuse(query)
	}
	return nil
}

func (s *stage) refuse(query string) error {
	if s.refuses != "" && strings.Contains(query, s.refuses) {
		return &promql.QueryError{Type: "bad_data", Message: "parse error: unclosed left parenthesis"}
	}
	return nil
}

// asking guards the queries of a stage, as checks ask at once. Tables copy stages,
// which a lock of their own would not survive.
var asking sync.Mutex

func (s *stage) Query(_ context.Context, query string) (promql.Result, error) {
	asking.Lock()
	s.queries = append(s.queries, query)
	asking.Unlock()
	if err := s.refuse(query); err != nil {
		return promql.Result{}, err
	}
	if err, _ := latest(s.errs, s.second()); err != nil {
		return promql.Result{}, err
	}
	r, _ := latest(s.values, s.second())
	r.Kind = promql.Vector
	return r, nil
}

func (s *stage) QueryAt(ctx context.Context, query string, _ time.Time) (promql.Result, error) {
	return s.Query(ctx, query)
}

func value(v ...float64) promql.Result { return promql.Result{Kind: promql.Vector, Values: v} }

// state is a Rollout that wants shop:tag.
func state(tag string, change func(*rollout.State)) *rollout.State {
	s := &rollout.State{
		Namespace: "apps", Name: "shop", UID: "u", Generation: 2, Revision: "2", Replicas: 4,
		Containers: []rollout.Container{{Name: "shop", Image: "reg:5000/shop:" + tag}},
		Steps:      []rollout.Step{{Kind: "setWeight", Weight: 25}, {Kind: "pause", Duration: time.Second}},
		Status: rollout.Status{
			Phase: rollout.Healthy, ObservedGeneration: "2", PodHash: "h-" + tag, StableHash: "h-" + tag,
			Replicas: 4, Updated: 4, Available: 4, StepIndex: 2, Weight: -1,
		},
	}
	if change != nil {
		change(s)
	}
	return s
}

func healthy(tag string) *rollout.State { return state(tag, nil) }

func progressing(tag string) *rollout.State {
	return state(tag, func(s *rollout.State) {
		s.Status.Phase, s.Status.Message = rollout.Progressing, "more replicas need to be updated"
		s.Status.StableHash, s.Status.Updated, s.Status.StepIndex = "h-old", 1, 0
	})
}

func starting(tag string) *rollout.State {
	s := progressing(tag)
	s.Status.Available = 3
	return s
}

func aborted(tag string) *rollout.State {
	s := progressing(tag)
	s.Status.Phase, s.Status.Abort = rollout.Degraded, true
	s.Status.Conditions = []rollout.Condition{{Type: "Progressing", Reason: "RolloutAborted", Message: "Rollout aborted update to revision 2"}}
	return s
}

var (
	measuredRun = rollout.Run{Name: "shop-2-1", Phase: "Successful", Metrics: []rollout.Metric{{Wanted: 3, Successful: 3}}}
	stoppedRun  = rollout.Run{Name: "shop-2-stopped", Phase: "Successful", Message: "Run Terminated"}
)

var failedRun = rollout.Run{Name: "shop-2-1", Phase: "Failed", Metrics: []rollout.Metric{{Name: "errors", Phase: "Failed", Last: "[0.4]"}}}

func options() Options {
	return Options{
		Rollout: "apps/shop", Image: "reg:5000/shop:v2", Kubeconfig: "unused",
		Prometheus: "http://prom", Query: `errors{hash="{{pod-hash}}"}`, Condition: "result[0] < 0.05",
		Interval: 10 * time.Second, Timeout: 5 * time.Minute,
	}
}
