package main

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// The ranks are those of tables of the sign test.
func TestRank(t *testing.T) {
	for n, want := range map[int]int{1: 0, 5: 0, 6: 0, 9: 1, 10: 1, 15: 3, 20: 5, 45: 15, 100: 39} {
		if got := rank(n); got != want {
			t.Errorf("of %d values: %d, want %d", n, got, want)
		}
	}
}

// What a turn adds to all ways alike is in no ratio of medians, but in each pair.
func TestRelate_ByTurns(t *testing.T) {
	var a, b []time.Duration
	for _, busy := range []time.Duration{1, 9, 2, 7, 3, 3, 8, 1, 1, 5} {
		a, b = append(a, 11*busy*time.Millisecond), append(b, 10*busy*time.Millisecond)
	}
	if got := relate(a, b).String(); got != "1.10 (1.10 to 1.10)" {
		t.Error(got)
	}
	a[0], a[1] = time.Hour, 0 // one outlier on each side
	if got := relate(a, b).String(); got != "1.10 (1.10 to 1.10)" {
		t.Error(got)
	}
	if got := relate(nil, b).String(); got != "NaN (NaN to NaN)" {
		t.Error(got)
	}
}

func TestOrders_EachFollowsEachAsOften(t *testing.T) {
	after := map[string]int{}
	all := orders(3)
	for _, o := range all {
		for i := 1; i < len(o); i++ {
			after[fmt.Sprint(o[i-1], o[i])]++
		}
	}
	slices.SortFunc(all, slices.Compare)
	if len(slices.CompactFunc(all, slices.Equal)) != 6 || len(after) != 6 {
		t.Errorf("%v", all)
	}
	for pair, n := range after {
		if n != 2 {
			t.Errorf("%s: %d times", pair, n)
		}
	}
}
