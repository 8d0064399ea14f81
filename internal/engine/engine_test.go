package engine_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
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

func TestRun_RetriesTransientErrorsWithinTheBudget(t *testing.T) {
	for _, tc := range []struct {
		name       string
		mark       func(error) error
		budget     time.Duration
		fewest     int32
		most       int32
		long, text string
	}{
		// Pauses of at most 1, 2, 4, 5, 5, ... s, of at least half of that.
		{"transient", engine.Transient, time.Minute, 13, 27, "1m0s", "pull: connection reset (tried "},
		{"final", func(err error) error { return err }, time.Minute, 1, 1, "0s", "pull: connection reset"},
		{"no budget", engine.Transient, -1, 1, 1, "0s", "pull: connection reset"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var tries atomic.Int32
				begin := time.Now()
				_, err := engine.Run(t.Context(), []engine.Node{{ID: "pull", Run: func(context.Context, func(string)) (engine.Outcome, error) {
					tries.Add(1)
					return "", tc.mark(errors.New("connection reset"))
				}}}, engine.Options{Budget: tc.budget})
				if n := tries.Load(); err == nil || !strings.HasPrefix(err.Error(), tc.text) || n < tc.fewest || n > tc.most {
					t.Fatalf("%d tries, error %v", n, err)
				}
				most, _ := time.ParseDuration(tc.long)
				if took := time.Since(begin); took > most || took < most-5*time.Second {
					t.Errorf("gave up after %s, want at most %s and not much less", took, most)
				}
			})
		})
	}
}

// A fault that passes within the budget is not a failure.
func TestRun_OutlastsAPassingFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		results, err := engine.Run(t.Context(), []engine.Node{{ID: "pool", Run: func(context.Context, func(string)) (engine.Outcome, error) {
			if time.Since(begin) < 30*time.Second {
				return "", engine.Transient(errors.New("failed calling webhook"))
			}
			return engine.Created, nil
		}}}, engine.Options{})
		if err != nil || results[0].Outcome != engine.Created || time.Since(begin) > 35*time.Second {
			t.Errorf("got %v after %s, %+v", err, time.Since(begin), results[0])
		}
	})
}

func TestRun_OutOfTimeNamesWhatWasWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errors.New("the platform is not up after 1m0s"))
		defer cancel()
		wait := engine.Node{ID: "web", Timeout: time.Hour, Run: func(ctx context.Context, _ func(string)) (engine.Outcome, error) {
			<-ctx.Done()
			return "", errors.New("deployment shop/web is not ready: 0/1")
		}}
		_, err := engine.Run(ctx, []engine.Node{wait, work("after", 0, nil, "web")}, engine.Options{})
		if want := "the platform is not up after 1m0s; at work: web: deployment shop/web is not ready: 0/1"; err == nil || err.Error() != want || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want %s", err, want)
		}
	})
}

func TestRun_TimeoutSaysHowLongItWaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := work("stuck", time.Hour, nil)
		n.Timeout = 90 * time.Second
		_, err := engine.Run(t.Context(), []engine.Node{n}, engine.Options{})
		if err == nil || !strings.Contains(err.Error(), "stuck: not done after 1m30s") {
			t.Errorf("error is %v", err)
		}
	})
}

func TestRun_PanicIsThatNodesFailure(t *testing.T) {
	_, err := engine.Run(t.Context(), []engine.Node{{ID: "driver", Run: func(context.Context, func(string)) (engine.Outcome, error) {
		panic("nil map")
	}}}, engine.Options{})
	if err == nil || err.Error() != "driver: panic: nil map" {
		t.Errorf("error is %v", err)
	}
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

func TestValidate(t *testing.T) {
	for _, tc := range []struct {
		name  string
		nodes []engine.Node
		want  string
	}{
		{"no ID", []engine.Node{{}}, "a node has no ID"},
		{"twice", []engine.Node{{ID: "a"}, {ID: "a"}}, `node "a" is in the graph twice`},
		{"unknown need", []engine.Node{{ID: "a", Needs: []string{"b"}}}, `node "a" needs "b", which is not in the graph`},
		{"cycle", []engine.Node{{ID: "a", Needs: []string{"b"}}, {ID: "b", Needs: []string{"c"}}, {ID: "c", Needs: []string{"b"}}}, "cycle: b -> c -> b"},
		{"itself", []engine.Node{{ID: "a", Needs: []string{"a"}}}, "cycle: a -> a"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := engine.Validate(tc.nodes); err == nil || err.Error() != tc.want {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
}

// TestRun_AnyGraph checks, over random graphs, what must hold for all of them:
// no node starts before its needs are done, each runs once, events come in order.
func TestRun_AnyGraph(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var mu sync.Mutex
		done := map[string]bool{}
		var nodes []engine.Node
		for i := range 1 + rng.IntN(20) {
			id := fmt.Sprint("n", i)
			var needs []string
			for j := range i {
				if rng.IntN(4) == 0 {
					needs = append(needs, fmt.Sprint("n", j))
				}
			}
			nodes = append(nodes, engine.Node{ID: id, Needs: needs, Run: func(context.Context, func(string)) (engine.Outcome, error) {
				mu.Lock()
				defer mu.Unlock()
				for _, need := range needs {
					if !done[need] {
						t.Errorf("seed %d: %s started before %s was done", seed, id, need)
					}
				}
				if done[id] {
					t.Errorf("seed %d: %s ran twice", seed, id)
				}
				done[id] = true
				return engine.Created, nil
			}})
		}
		rng.Shuffle(len(nodes), func(i, j int) { nodes[i], nodes[j] = nodes[j], nodes[i] })
		finished := 0
		_, err := engine.Run(t.Context(), nodes, engine.Options{Concurrency: rng.IntN(4), Observe: func(e engine.Event) {
			if e.Finished < finished {
				t.Errorf("seed %d: the finished count went back from %d to %d", seed, finished, e.Finished)
			}
			finished = e.Finished
		}})
		if err != nil || finished != len(nodes) {
			t.Fatalf("seed %d: %v, %d of %d finished", seed, err, finished, len(nodes))
		}
	}
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
	if want := []engine.EventKind{engine.Started, engine.Progress, engine.Done}; !slices.Equal(kinds, want) {
		t.Errorf("events are %v, want %v", kinds, want)
	}
}

// The engine's own share of a run: 200 nodes that take no time, in a graph of
// layers. It must stay far below what one node really takes.
func BenchmarkRun_200Nodes(b *testing.B) {
	var nodes []engine.Node
	for i := range 200 {
		n := work(fmt.Sprint(i), 0, nil)
		for j := range min(i, 3) {
			n.Needs = append(n.Needs, fmt.Sprint((i/10)*10-1-j))
			if i < 10 {
				n.Needs = nil
			}
		}
		nodes = append(nodes, n)
	}
	for b.Loop() {
		if _, err := engine.Run(b.Context(), nodes, engine.Options{Concurrency: 16}); err != nil {
			b.Fatal(err)
		}
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
