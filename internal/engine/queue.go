package engine

import (
	"cmp"
	"slices"
	"time"
)

// chains gives for each node the longest way from its start to the end of the
// graph. An unknown duration counts as a moment, so that what much waits for
// still goes before what nothing waits for.
func chains(nodes []Node, blocks [][]int) []time.Duration {
	chain := make([]time.Duration, len(nodes))
	known := make([]bool, len(nodes))
	var measure func(i int) time.Duration
	measure = func(i int) time.Duration {
		if known[i] {
			return chain[i]
		}
		var behind time.Duration
		for _, j := range blocks[i] {
			behind = max(behind, measure(j))
		}
		chain[i], known[i] = max(nodes[i].Takes, time.Millisecond)+behind, true
		return chain[i]
	}
	for i := range nodes {
		measure(i)
	}
	return chain
}

// enqueue puts a node that may start among the others: first come, first served
// would let a short chain hold back the one that decides when the run ends.
func (r *runner) enqueue(i int) {
	at, _ := slices.BinarySearchFunc(r.ready, i, func(j, i int) int {
		if c := cmp.Compare(r.chain[i], r.chain[j]); c != 0 {
			return c
		}
		return cmp.Compare(j, i)
	})
	r.ready = slices.Insert(r.ready, at, i)
}

// mayStart reports whether there is room for a node.
func (r *runner) mayStart(i int) bool {
	if bound, ok := r.o.Lanes[r.nodes[i].Lane]; ok {
		return r.lanes[r.nodes[i].Lane] < bound
	}
	return r.shared < r.o.Concurrency && r.ahead < 0
}

// count notes that a node starts (1) or ends (-1).
func (r *runner) count(i, by int) {
	r.running += by
	if _, ok := r.o.Lanes[r.nodes[i].Lane]; ok {
		r.lanes[r.nodes[i].Lane] += by
	} else {
		r.shared += by
	}
}
