package engine

import (
	"slices"
	"time"
)

// LongestChain is what decided how long a run took: from the node that ended
// last back through the need that each one waited for longest, in the order of
// time. A second less in one of them is a second less for the run, until another
// chain is the longest.
func LongestChain(results []Result) []Result {
	byID := make(map[string]Result, len(results))
	var last Result
	for _, r := range results {
		byID[r.ID] = r
		if r.End.After(last.End) {
			last = r
		}
	}
	var chain []Result
	for at, ok := last, last.ID != ""; ok; {
		chain = append(chain, at)
		var before Result
		for _, need := range at.Needs {
			if r := byID[need]; r.End.After(before.End) {
				before = r
			}
		}
		at, ok = before, before.ID != ""
	}
	slices.Reverse(chain)
	return chain
}

// Parallelism is how many nodes were at work at once, on average: the sum of
// what each took over what the run took.
func Parallelism(results []Result) float64 {
	var sum time.Duration
	var first, last time.Time
	for _, r := range results {
		if r.Start.IsZero() || r.End.IsZero() {
			continue
		}
		sum += r.End.Sub(r.Start)
		if first.IsZero() || r.Start.Before(first) {
			first = r.Start
		}
		if r.End.After(last) {
			last = r.End
		}
	}
	if !last.After(first) {
		return 0
	}
	return sum.Seconds() / last.Sub(first).Seconds()
}
