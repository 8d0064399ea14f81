package engine_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/buenhyden/hy-home/internal/engine"
)

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
