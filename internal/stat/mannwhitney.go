// Package stat compares two samples: are the values of the canary larger or
// smaller than those of the baseline, by how much, and how sure is that?
//
// The test is Mann and Whitney's U, which asks nothing of the shape of the
// values: latencies and error shares are never normal. Beside p stand an effect
// size and the shift (Hodges and Lehmann) with its confidence interval, since a p
// alone calls every difference significant once there are samples enough. Nothing
// is random: the same samples give the same answer. The package is pure, and it
// needs no library: gonum has no such test, and the normal distribution is in math.
package stat

import (
	"math"
	"slices"
	"sort"
)

// Comparison is what two samples, x and y, say of each other.
type Comparison struct {
	N, M             int     // values in x and y
	MedianX, MedianY float64 //
	U                float64 // of x: how often a value of x beats one of y, ties counting half
	P                float64 // two-sided: how likely a difference as large is by chance alone
	Exact            bool    // P is counted, not approximated
	Effect           float64 // share of pairs in which x is larger: 0.5 is none
	Shift            float64 // median of all differences x-y
	Low, High        float64 // of the shift's confidence interval
}

// most is how many values of a sample take part; a larger one is thinned evenly.
// The interval looks at every pair, and a million pairs are sorted in 0.1 s.
const most = 1000

// exactUpTo is the size of the smaller sample up to which P is counted, if there
// are no ties. It is scipy's limit for the same choice.
const exactUpTo = 8

// Compare compares x with y at a confidence such as 0.98. NaN is left out; what
// remains of either may be empty, and P is 1 then.
func Compare(x, y []float64, confidence float64) Comparison {
	x, y = prepared(x), prepared(y)
	n, m := len(x), len(y)
	c := Comparison{N: n, M: m, MedianX: median(x), MedianY: median(y), P: 1, Effect: 0.5}
	if n == 0 || m == 0 {
		return c
	}
	ties, rankSum := ranks(x, y)
	c.U = rankSum - float64(n*(n+1))/2
	c.Effect = c.U / float64(n*m)
	if ties == 0 && min(n, m) <= exactUpTo {
		c.P, c.Exact = exactP(c.U, n, m), true
	} else {
		c.P = normalP(c.U, n, m, ties)
	}
	c.Shift, c.Low, c.High = shift(x, y, confidence)
	return c
}

func prepared(values []float64) []float64 {
	out := make([]float64, 0, len(values))
	for _, v := range values {
		if !math.IsNaN(v) {
			out = append(out, v)
		}
	}
	if len(out) > most {
		thin := make([]float64, most)
		for i := range thin {
			thin[i] = out[i*len(out)/most]
		}
		out = thin
	}
	slices.Sort(out)
	return out
}

func median(sorted []float64) float64 {
	n := len(sorted)
	if n == 0 {
		return math.NaN()
	}
	return mid(sorted[(n-1)/2], sorted[n/2])
}

// mid is the mean of two values, which may be infinite alike.
func mid(a, b float64) float64 {
	if a == b {
		return a
	}
	return a + (b-a)/2
}

// ranks returns the sum of the ranks of x among both, ties sharing their mean
// rank, and the sum of t³-t over all groups of t ties.
func ranks(x, y []float64) (ties, sum float64) {
	for i, j := 0, 0; i < len(x) || j < len(y); {
		var v float64
		if j == len(y) || (i < len(x) && x[i] <= y[j]) {
			v = x[i]
		} else {
			v = y[j]
		}
		before := i + j
		fromX := 0
		for i < len(x) && x[i] == v {
			i++
			fromX++
		}
		for j < len(y) && y[j] == v {
			j++
		}
		t := float64(i + j - before)
		ties += t*t*t - t
		sum += float64(fromX) * (float64(before) + (t+1)/2)
	}
	return ties, sum
}

// normalP approximates with the correction for ties and for continuity.
func normalP(u float64, n, m int, ties float64) float64 {
	pairs, all := float64(n)*float64(m), float64(n+m)
	variance := pairs / 12 * (all + 1 - ties/(all*(all-1)))
	if !(variance > 0) {
		return 1 // all values are the same
	}
	z := (math.Abs(u-pairs/2) - 0.5) / math.Sqrt(variance)
	return min(1, math.Erfc(z/math.Sqrt2))
}

// exactP counts the orders of n and m values in which U is at least as far from
// its middle. The counts are kept as shares, so that they do not overflow.
func exactP(u float64, n, m int) float64 {
	top := int(math.Round(max(u, float64(n*m)-u)))
	share := make([][]float64, m+1) // share[j][k]: of orders of i values against j with U = k
	for j := range share {
		share[j] = []float64{1}
	}
	for i := 1; i <= n; i++ {
		next := make([][]float64, m+1)
		next[0] = []float64{1}
		for j := 1; j <= m; j++ {
			row := make([]float64, i*j+1)
			// The largest value is of x, and beats all j of y, or it is of y.
			for k, s := range share[j] {
				row[k+j] += s * float64(i) / float64(i+j)
			}
			for k, s := range next[j-1] {
				row[k] += s * float64(j) / float64(i+j)
			}
			next[j] = row
		}
		share = next
	}
	p := 0.0
	for k := top; k < len(share[m]); k++ {
		p += share[m][k]
	}
	return min(1, 2*p)
}

// shift is the median of all differences, with the interval between the ones at
// equal distance from both ends (Hollander and Wolfe, 4.2).
func shift(x, y []float64, confidence float64) (at, low, high float64) {
	d := make([]float64, 0, len(x)*len(y))
	for _, a := range x {
		for _, b := range y {
			if v := a - b; !math.IsNaN(v) { // two infinities differ by nothing that can be said
				d = append(d, v)
			}
		}
	}
	if len(d) == 0 {
		return math.NaN(), math.NaN(), math.NaN()
	}
	sort.Float64s(d)
	n, m := float64(len(x)), float64(len(y))
	z := math.Sqrt2 * math.Erfinv(confidence)
	k := int(math.Floor(n*m/2 - z*math.Sqrt(n*m*(n+m+1)/12)))
	k = min(max(k, 1), len(d))
	return median(d), d[k-1], d[len(d)-k]
}

// Holm corrects the p of tests that are judged together: with many of them one
// is significant by chance. The order of the answer is that of the question.
func Holm(p []float64) []float64 {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(a, b int) bool { return p[order[a]] < p[order[b]] })
	out := make([]float64, len(p))
	least := 0.0
	for rank, i := range order {
		least = max(least, min(1, p[i]*float64(len(p)-rank)))
		out[i] = least
	}
	return out
}
