package engine

import (
	"slices"
	"testing"
	"time"
)

func TestLongestChain_LeadsBackFromTheLastThroughWhatEachWaitedFor(t *testing.T) {
	at := func(id string, from, to int, needs ...string) Result {
		epoch := time.Unix(1000, 0)
		return Result{ID: id, Needs: needs, Start: epoch.Add(time.Duration(from) * time.Second), End: epoch.Add(time.Duration(to) * time.Second)}
	}
	results := []Result{
		at("net", 0, 1), at("kind", 1, 30, "net"), at("redis", 1, 9, "net"),
		at("controller", 30, 40, "kind", "redis"), at("proof", 30, 33, "kind"),
		{ID: "never", Needs: []string{"proof"}, Outcome: Blocked},
	}
	var names []string
	for _, r := range LongestChain(results) {
		names = append(names, r.ID)
	}
	if want := []string{"net", "kind", "controller"}; !slices.Equal(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
	// 1 + 29 + 8 + 10 + 3 seconds of work in 40.
	if got := Parallelism(results); got < 1.27 || got > 1.28 {
		t.Errorf("parallelism is %v, want 51/40", got)
	}
}

func TestLongestChain_OfARunThatNeverBeganIsEmpty(t *testing.T) {
	results := []Result{{ID: "never", Outcome: Blocked}}
	if chain := LongestChain(results); len(chain) != 0 || Parallelism(results) != 0 {
		t.Errorf("got %v at %v", chain, Parallelism(results))
	}
}
