package stat

import (
	"fmt"
	"math"
	"strconv"
)

// Rule says which difference between canary (x) and baseline (y) is a bad one.
type Rule struct {
	Direction  string  // "increase", "decrease" or "either": what is bad
	Tolerance  float64 // difference that is put up with, as a share of the baseline's median
	MinSamples int     // values that each side needs
	Confidence float64 // 0.98: a p below 0.02 is no chance
}

// Ruling is what a [Comparison] means under a [Rule].
type Ruling string

// The rulings.
const (
	Same   Ruling = "same"    // no difference was found that is large enough
	Worse  Ruling = "worse"   // a difference in the bad direction
	Better Ruling = "better"  // one in the other direction
	TooFew Ruling = "too_few" // nothing can be said
)

// Judge rules on a comparison. P is the comparison's own, or what [Holm] made of
// it. Worse needs three things at once: a p that is no chance, a shift in the bad
// direction, and a confidence interval that lies beyond the tolerance as a whole.
//
// Two sides that are constant each have no p: they are compared as they are.
func (r Rule) Judge(c Comparison, p float64) (Ruling, string) {
	if c.N < r.MinSamples || c.M < r.MinSamples || c.N == 0 || c.M == 0 {
		return TooFew, fmt.Sprintf("too few samples: %d of the canary and %d of the baseline, %d of each are needed", c.N, c.M, r.MinSamples)
	}
	said := fmt.Sprintf("%s against %s (shift %s, %g %% interval %s to %s, p = %s, %d and %d samples)",
		Text(c.MedianX), Text(c.MedianY), signed(c.Shift), round(r.Confidence*100), signed(c.Low), signed(c.High), Text(p), c.N, c.M)
	allowed := math.Abs(r.Tolerance * c.MedianY)
	nearest := c.Low // the end of the interval that is nearest to no difference
	if c.Shift < 0 {
		nearest = -c.High
	}
	constant := c.Low == c.High && c.Low == c.Shift
	switch {
	case math.IsNaN(c.Shift) || c.Shift == 0, !constant && p >= 1-r.Confidence, !(nearest > allowed):
		return Same, "no difference beyond the tolerance: " + said
	case r.Direction == "either" || (r.Direction == "increase") == (c.Shift > 0):
		if c.Shift > 0 {
			return Worse, "higher than the baseline: " + said
		}
		return Worse, "lower than the baseline: " + said
	}
	return Better, "better than the baseline: " + said
}

// Text writes a number with three digits that count.
func Text(v float64) string {
	switch {
	case v == 0 || math.IsNaN(v) || math.IsInf(v, 0):
		return strconv.FormatFloat(v, 'g', -1, 64)
	case math.Abs(v) >= 1000 && math.Abs(v) < 1e9:
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(round(v), 'g', -1, 64)
}

func signed(v float64) string {
	if v > 0 {
		return "+" + Text(v)
	}
	return Text(v)
}

// round keeps three digits that count.
func round(v float64) float64 {
	out, _ := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 3, 64), 64)
	return out
}
