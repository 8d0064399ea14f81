package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/buenhyden/hy-home/internal/engine"
)

// work is a node that takes d and then ends as given.
func work(id string, d time.Duration, err error, needs ...string) engine.Node {
	return engine.Node{ID: id, Needs: needs, Run: func(ctx context.Context, _ func(string)) (engine.Outcome, error) {
		select {
		case <-time.After(d):
			return engine.Created, err
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}}
}

func TestRun_StartsANodeTheMomentItsOwnNeedsAreDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		results, err := engine.Run(t.Context(), []engine.Node{
			work("slow", 10*time.Second, nil),
			work("quick", time.Second, nil),
			work("after-quick", time.Second, nil, "quick"),
			work("last", time.Second, nil, "slow", "after-quick"),
		}, engine.Options{})
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]time.Duration{"slow": 0, "quick": 0, "after-quick": time.Second, "last": 10 * time.Second}
		for _, r := range results {
			if got := r.Start.Sub(begin); got != want[r.ID] {
				t.Errorf("%s started after %s, want %s: a wave would have held it back", r.ID, got, want[r.ID])
			}
		}
	})
}

func TestRun_KeepsToTheConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int32
		var nodes []engine.Node
		for i := range 12 {
			nodes = append(nodes, engine.Node{ID: fmt.Sprint(i), Run: func(context.Context, func(string)) (engine.Outcome, error) {
				if n := now.Add(1); n > most.Load() {
					most.Store(n)
				}
				time.Sleep(time.Second)
				now.Add(-1)
				return engine.Unchanged, nil
			}})
		}
		if _, err := engine.Run(t.Context(), nodes, engine.Options{Concurrency: 3}); err != nil {
			t.Fatal(err)
		}
		if most.Load() != 3 {
			t.Errorf("%d nodes ran at once, want 3", most.Load())
		}
	})
}

// With one at a time, what decides when the run ends goes first: "kind" and what
// waits for it, not the node that happens to be named first.
func TestRun_LongestChainFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		takes := map[string]time.Duration{"leaf": 9 * time.Second, "kind": 8 * time.Second, "apps": 7 * time.Second, "net": time.Second}
		var nodes []engine.Node
		for _, n := range []engine.Node{work("leaf", 0, nil), work("kind", 0, nil, "net"), work("apps", 0, nil, "kind"), work("net", 0, nil), work("unknown", 0, nil)} {
			n.Takes = takes[n.ID]
			nodes = append(nodes, n)
		}
		var order []string
		_, err := engine.Run(t.Context(), nodes, engine.Options{Concurrency: 1, Observe: func(e engine.Event) {
			if e.Kind == engine.Started {
				order = append(order, e.ID)
			}
		}})
		if got, want := strings.Join(order, " "), "net kind leaf apps unknown"; err != nil || got != want {
			t.Errorf("order %q, %v; want %q", got, err, want)
		}
	})
}

func TestRun_HeadStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		nodes := []engine.Node{
			work("leaf", 5*time.Second, nil, "network"),
			work("chain", 5*time.Second, nil, "network"),
			work("last", time.Second, nil, "chain"),
			work("pull", time.Second, nil),
			work("network", 0, nil),
		}
		nodes[3].Lane = "images"
		results, err := engine.Run(t.Context(), nodes, engine.Options{HeadStart: 2 * time.Second, Lanes: map[string]int{"images": 1}})
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]time.Duration{
			"pull": 0, "network": 0, // a lane with a bound of its own does not take part
			"chain": 0,               // what has ended needs no head start any more
			"leaf":  2 * time.Second, // though it is named first
			"last":  5 * time.Second,
		}
		for _, r := range results {
			if got := r.Start.Sub(begin); got != want[r.ID] {
				t.Errorf("%s started after %s, want %s", r.ID, got, want[r.ID])
			}
		}
	})
}

func TestRun_FirstFailureEndsTheRunAndNamesTheNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		boom := errors.New("no such image")
		results, err := engine.Run(t.Context(), []engine.Node{
			work("bad", time.Second, boom),
			work("long", time.Hour, nil),
			work("never", time.Second, nil, "bad"),
		}, engine.Options{})
		if !errors.Is(err, boom) || err.Error() != "bad: no such image" {
			t.Errorf("error is %v, want the cause with the node's name once", err)
		}
		if got := results[2]; got.Outcome != engine.Blocked || !got.Start.IsZero() {
			t.Errorf("the node behind the failure is %+v, want blocked", got)
		}
		if got := results[1]; got.Outcome != engine.Stopped || !errors.Is(got.Err, context.Canceled) {
			t.Errorf("the node at work is %+v, want it stopped", got)
		}
	})
}

func TestRun_CancelledContextStartsNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	results, err := engine.Run(ctx, []engine.Node{work("a", 0, nil)}, engine.Options{})
	if !errors.Is(err, context.Canceled) || results[0].Outcome != engine.Blocked {
		t.Errorf("got %v, %+v", err, results[0])
	}
}

func TestRun_LateProgressIsDropped(t *testing.T) {
	var late func(string)
	_, err := engine.Run(t.Context(), []engine.Node{{ID: "a", Run: func(_ context.Context, progress func(string)) (engine.Outcome, error) {
		late = progress
		return engine.Checked, nil
	}}}, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	late("a stray goroutine speaks after the end") // must not block
}

func TestRun_EventsOfANodeComeInOrder(t *testing.T) {
	var kinds []engine.EventKind
	_, err := engine.Run(t.Context(), []engine.Node{{ID: "a", Run: func(_ context.Context, progress func(string)) (engine.Outcome, error) {
		progress("pulling")
		return engine.Created, nil
	}}}, engine.Options{Observe: func(e engine.Event) { kinds = append(kinds, e.Kind) }})
	if err != nil {
		t.Fatal(err)
	}
	if want := []engine.EventKind{engine.Waiting, engine.Started, engine.Progress, engine.Done}; !slices.Equal(kinds, want) {
		t.Errorf("events are %v, want %v", kinds, want)
	}
}

// Pulls that wait for the wire must not keep what needs no wire from starting,
// nor the other way round.
func TestRun_ALaneOfItsOwnDoesNotCountForTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var nodes []engine.Node
		for i := range 6 {
			n := work(fmt.Sprint("pull-", i), time.Second, nil)
			n.Lane = "images"
			nodes = append(nodes, n)
		}
		for i := range 4 {
			nodes = append(nodes, work(fmt.Sprint("other-", i), time.Second, nil))
		}
		results, err := engine.Run(t.Context(), nodes, engine.Options{Concurrency: 2, Lanes: map[string]int{"images": 3}})
		if err != nil {
			t.Fatal(err)
		}
		starts := map[string]int{}
		for _, r := range results {
			starts[fmt.Sprint(r.Lane, " ", r.Start.Sub(begin))]++
		}
		want := map[string]int{"images 0s": 3, "images 1s": 3, " 0s": 2, " 1s": 2}
		if fmt.Sprint(starts) != fmt.Sprint(want) {
			t.Errorf("started %v, want %v", starts, want)
		}
	})
}
