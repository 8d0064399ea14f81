package main

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// relation is what one way takes in relation to another.
type relation struct {
	median    float64 // of the ratios within each turn
	low, high float64 // where the median of all turns that there could be lies, with a confidence of 95 %
}

func (r relation) String() string { return fmt.Sprintf("%.2f (%.2f to %.2f)", r.median, r.low, r.high) }

// relate holds what was measured in the same turns against one another. The interval is
// that of the sign test: it supposes nothing about how the ratios are spread.
func relate(a, b []time.Duration) relation {
	n := min(len(a), len(b))
	if n == 0 {
		return relation{math.NaN(), math.NaN(), math.NaN()}
	}
	ratios := make([]float64, n)
	for i := range ratios {
		ratios[i] = float64(a[i]) / float64(b[i])
	}
	slices.Sort(ratios)
	k := rank(n)
	return relation{(ratios[(n-1)/2] + ratios[n/2]) / 2, ratios[k], ratios[n-1-k]}
}

// rank is the largest index from either end of n sorted values between which the median
// lies with a confidence of 95 %; of less than six values it is the first, with less.
func rank(n int) int {
	// below is how likely k of n values or fewer are on one side of the median.
	below, choose := 0.0, math.Pow(0.5, float64(n))
	for k := 0; k < n/2; k++ {
		if below += choose; below > 0.025 {
			return max(k-1, 0)
		}
		choose *= float64(n-k) / float64(k+1)
	}
	return 0
}

// orders are all orders of n things.
func orders(n int) [][]int {
	if n == 0 {
		return [][]int{nil}
	}
	var out [][]int
	for _, shorter := range orders(n - 1) {
		for at := range n {
			out = append(out, slices.Insert(slices.Clone(shorter), at, n-1))
		}
	}
	return out
}
