package stat

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func near(a, b, by float64) bool { return math.Abs(a-b) <= by }

// scipyTests is where scipy keeps numbers that R gave: test_gh_9184 and test_gh_11355b.
// https://github.com/scipy/scipy/blob/04b44b100b14cea9c86b15737c959865c9e93055/scipy/stats/tests/test_hypotests.py

// TestCompare_Published has the numbers that others have published.
func TestCompare_Published(t *testing.T) {
	// The example in the documentation of scipy.stats.mannwhitneyu, ages at diagnosis:
	// https://github.com/scipy/scipy/blob/04b44b100b14cea9c86b15737c959865c9e93055/scipy/stats/_mannwhitneyu.py
	males, females := []float64{19, 22, 16, 29, 24}, []float64{20, 11, 17, 12}
	if c := Compare(males, females, 0.95); c.U != 17 || !c.Exact || !near(c.P, 0.1111111111111111, 1e-15) {
		t.Errorf("scipy's example: %+v", c)
	}
	if p := normalP(17, 5, 4, 0); !near(p, 0.11134688653314041, 1e-15) {
		t.Errorf("scipy's example, method asymptotic: %v", p)
	}
	// Hollander and Wolfe 1973, p. 69, which is R's example of wilcox.test, too: see scipyTests.
	x := []float64{0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46}
	y := []float64{1.15, 0.88, 0.90, 0.74, 1.21}
	if c := Compare(x, y, 0.95); c.U != 35 || !c.Exact || !near(c.P, 0.2544122544123, 1e-13) {
		t.Errorf("R's example: %+v", c)
	}
	if p := normalP(35, 10, 5, 0); !near(p, 0.244623605127, 1e-12) {
		t.Errorf("R's example, exact = FALSE: %v", p)
	}
	// Ties and infinities: see scipyTests.
	inf := math.Inf(1)
	for _, c := range []struct {
		x, y []float64
		u, p float64
	}{
		{[]float64{1, 2, 3, 4}, []float64{3, 6, 7, 8, inf, 3, 2, 1, 4, 4, 5}, 10, 0.1297704873477},
		{[]float64{1, 2, 3, 4}, []float64{3, 6, 7, 8, inf, inf, 2, 1, 4, 4, 5}, 8.5, 0.08735617507695},
		{[]float64{1, 2, inf, 4}, []float64{3, 6, 7, 8, inf, 3, 2, 1, 4, 4, 5}, 17.5, 0.5988856695752},
		{[]float64{1, 2, inf, 4}, []float64{3, 6, 7, 8, inf, inf, 2, 1, 4, 4, 5}, 16, 0.4687165824462},
		{[]float64{1, inf, inf, 4}, []float64{3, 6, 7, 8, inf, inf, 2, 1, 4, 4, 5}, 24.5, 0.7912517950119},
	} {
		if got := Compare(c.x, c.y, 0.95); got.U != c.u || !near(got.P, c.p, 1e-12) || got.Effect != c.u/float64(len(c.x)*len(c.y)) {
			t.Errorf("%v against %v: %+v", c.x, c.y, got)
		}
	}
	// Two-sided at 0.05: the largest U of the smaller side that is significant.
	// http://numeracy-bank.net/?q=t/stt/mwu/3
	for _, row := range []struct{ n, m, critical int }{{4, 4, 0}, {5, 5, 2}, {5, 8, 6}, {6, 6, 5}, {7, 7, 8}, {8, 8, 13}, {8, 20, 41}, {3, 20, 8}} {
		if at, above := exactP(float64(row.critical), row.n, row.m), exactP(float64(row.critical+1), row.n, row.m); at > 0.05 || above <= 0.05 {
			t.Errorf("n=%d m=%d: P(U<=%d)=%v, P(U<=%d)=%v", row.n, row.m, row.critical, at, row.critical+1, above)
		}
	}
}

// TestExact_MannAndWhitney has the table of their paper (1947, p. 52): how likely U
// is to be no more than 0, 1, 2 … for six values against m. It is given to three
// digits, with the one that scipy takes for a misprint put right as there
// (0.543, printed as 0.545): see scipyTests, test_exact_distribution.
func TestExact_MannAndWhitney(t *testing.T) {
	for m, row := range map[int][]float64{
		1: {0.143, 0.286, 0.428},
		2: {0.036, 0.071, 0.143, 0.214, 0.321, 0.429},
		3: {0.012, 0.024, 0.048, 0.083, 0.131, 0.19, 0.274, 0.357, 0.452},
		4: {0.005, 0.01, 0.019, 0.033, 0.057, 0.086, 0.129, 0.176, 0.238, 0.305, 0.381, 0.457},
		5: {0.002, 0.004, 0.009, 0.015, 0.026, 0.041, 0.063, 0.089, 0.123, 0.165, 0.214, 0.268, 0.331, 0.396, 0.465},
		6: {0.001, 0.002, 0.004, 0.008, 0.013, 0.021, 0.032, 0.047, 0.066, 0.09, 0.12, 0.155, 0.197, 0.242, 0.294, 0.350, 0.409, 0.469},
	} {
		for u, want := range row { // one side; exactP has both
			if got := exactP(float64(u), 6, m) / 2; !near(got, want, 1e-3) {
				t.Errorf("6 against %d: P(U<=%d) = %.4f, want %.3f", m, u, got, want)
			}
		}
	}
}

// TestExact_AgainstCounting counts all orders of small samples one by one.
func TestExact_AgainstCounting(t *testing.T) {
	for n := 1; n <= 5; n++ {
		for m := 1; m <= 5; m++ {
			counts := map[int]int{}
			all := 0
			for set := range 1 << (n + m) {
				u, seenY, ones := 0, 0, 0
				for bit := range n + m {
					if set>>bit&1 == 1 {
						ones++
						u += seenY
					} else {
						seenY++
					}
				}
				if ones == n {
					counts[u]++
					all++
				}
			}
			for u := 0; u <= n*m; u++ {
				far := 0
				for v, k := range counts {
					if v >= max(u, n*m-u) {
						far += k
					}
				}
				if want := min(1, 2*float64(far)/float64(all)); !near(exactP(float64(u), n, m), want, 1e-12) {
					t.Errorf("n=%d m=%d u=%d: %v, want %v", n, m, u, exactP(float64(u), n, m), want)
				}
			}
		}
	}
}

func TestCompare_TiesAndConstants(t *testing.T) {
	same := slices.Repeat([]float64{3}, 20)
	if c := Compare(same, same, 0.98); c.P != 1 || c.Effect != 0.5 || c.Shift != 0 {
		t.Errorf("identical constants: %+v", c)
	}
	if c := Compare([]float64{1, 1, 2, 2, 3}, []float64{1, 2, 2, 3, 3}, 0.95); c.U != 9 || c.Exact || !near(c.P, 0.5067, 1e-4) {
		t.Errorf("ties: %+v", c) // ranks 2+2+5.5+5.5+9-15 = 9; z = (3.5-0.5)/sqrt(25/12*(11-(24+60+24)/90)) = 0.664
	}
	if c := Compare(nil, []float64{1, math.NaN()}, 0.95); c.P != 1 || c.N != 0 || c.M != 1 {
		t.Errorf("nothing: %+v", c)
	}
	if c := Compare([]float64{math.Inf(1), 1}, []float64{math.Inf(1), 2}, 0.95); c.P < 0 || c.P > 1 {
		t.Errorf("infinite: %+v", c)
	}
}

func TestHolm(t *testing.T) {
	// The example of statsmodels.stats.multitest and of R's p.adjust(c(0.01, 0.04, 0.03), "holm").
	got := Holm([]float64{0.01, 0.04, 0.03})
	for i, want := range []float64{0.03, 0.06, 0.06} {
		if !near(got[i], want, 1e-12) {
			t.Errorf("%v", got)
		}
	}
	if len(Holm(nil)) != 0 {
		t.Error("nothing")
	}
}

func sample(r *rand.Rand, n int, by float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = math.Exp(0.3*r.NormFloat64()) * (1 + by) // as latencies are: a long tail
	}
	return out
}

// TestShift_Coverage simulates canaries that are slower by a known time: the 95 %
// interval must hold it as often as it says, less three standard errors.
func TestShift_Coverage(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2026))
	const pairs = 2000
	for _, n := range []int{8, 20, 50} {
		held := 0
		for range pairs {
			x := sample(r, n, 0)
			for i := range x {
				x[i] += 0.5
			}
			if c := Compare(x, sample(r, n, 0), 0.95); c.Low <= 0.5 && 0.5 <= c.High && c.Low <= c.Shift && c.Shift <= c.High {
				held++
			}
		}
		t.Logf("%d samples: %.1f %%", n, 100*float64(held)/pairs)
		if float64(held) < (0.95-0.015)*pairs {
			t.Errorf("%d samples: only %d of %d", n, held, pairs)
		}
	}
}

// TestRule_FalseAlarms simulates equal pairs: no more than one in fifty may be
// called worse at 98 %. And a canary twice as slow must be found.
func TestRule_FalseAlarms(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2026))
	rule := Rule{Direction: "either", MinSamples: 5, Confidence: 0.98}
	const pairs = 10000
	for _, n := range []int{8, 20, 50} {
		alarms, significant := 0, 0
		for range pairs {
			c := Compare(sample(r, n, 0), sample(r, n, 0), rule.Confidence)
			if c.P < 0.02 {
				significant++
			}
			if got, _ := rule.Judge(c, c.P); got == Worse {
				alarms++
			}
		}
		t.Logf("%d samples: %d of %d equal pairs have p < 0.02, %d are called different", n, significant, pairs, alarms)
		if float64(significant) > 0.023*pairs || alarms > significant { // 0.02 and three standard errors
			t.Errorf("%d samples: %d and %d of %d", n, significant, alarms, pairs)
		}
	}
	rule.Tolerance = 0.25
	for _, c := range []struct {
		n    int
		by   float64
		want float64 // at least this share is found
	}{{8, 1, 0.5}, {20, 1, 0.99}, {50, 0.6, 0.9}} {
		found := 0
		for range 1000 {
			x := Compare(sample(r, c.n, c.by), sample(r, c.n, 0), rule.Confidence)
			if got, _ := rule.Judge(x, x.P); got == Worse {
				found++
			}
		}
		t.Logf("%d samples, %+.0f %%: found in %d of 1000", c.n, c.by*100, found)
		if float64(found) < c.want*1000 {
			t.Errorf("%d samples, %v: found only %d of 1000", c.n, c.by, found)
		}
	}
}

func TestRule_Judge(t *testing.T) {
	many := func(from, step float64) []float64 {
		out := make([]float64, 40)
		for i := range out {
			out[i] = from + step*float64(i)
		}
		return out
	}
	for _, c := range []struct {
		name string
		x, y []float64
		dir  string
		want Ruling
	}{
		{"too few", many(1, 0)[:3], many(1, 0), "increase", TooFew},
		{"nothing at all", nil, many(1, 0), "increase", TooFew},
		{"the same", many(1, 0.01), many(1, 0.01), "increase", Same},
		{"slower", many(2, 0.01), many(1, 0.01), "increase", Worse},
		{"faster", many(1, 0.01), many(2, 0.01), "increase", Better},
		{"fewer requests", many(1, 0.01), many(2, 0.01), "decrease", Worse},
		{"another", many(1, 0.01), many(2, 0.01), "either", Worse},
		{"within the tolerance", many(1.1, 0.01), many(1, 0.01), "increase", Same},
		{"constant and equal", many(0, 0), many(0, 0), "increase", Same},
		{"constant and higher", many(3, 0), many(1, 0), "increase", Worse},
		{"constant and higher than nothing", many(0.1, 0), many(0, 0), "increase", Worse},
	} {
		rule := Rule{Direction: c.dir, Tolerance: 0.25, MinSamples: 10, Confidence: 0.98}
		x := Compare(c.x, c.y, 0.98)
		if got, why := rule.Judge(x, x.P); got != c.want || why == "" {
			t.Errorf("%s: %s (%s), want %s", c.name, got, why, c.want)
		}
	}
}
