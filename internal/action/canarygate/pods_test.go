package canarygate

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/buenhyden/hy-home/internal/promql"
	"github.com/buenhyden/hy-home/internal/rollout"
)

// TestGate_AsksLittleOnALongWay has a release that takes three hours, and waits for
// pods at each of its steps: what is asked of the API server grows with neither.
func TestGate_AsksLittleOnALongWay(t *testing.T) {
	for name, c := range map[string]struct {
		blind bool
		most  int
	}{
		"one watch serves all steps":               {false, 1},
		"a watch that is refused is rarely opened": {true, 10},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &stage{start: time.Now(), values: map[int]promql.Result{0: value(0)}, blind: c.blind}
			for minute := range 180 {
				at := starting("v2")
				if minute%2 == 1 {
					at = progressing("v2")
				}
				s.rollouts = append(s.rollouts, scene{60 * minute, at})
			}
			s.rollouts = append(s.rollouts, scene{180 * 60, healthy("v2")})
			o := options()
			o.Timeout = 4 * time.Hour
			p, _ := o.check()
			r, err := run(t.Context(), p, s, s)
			if err != nil || r.Verdict != Passed || s.looks == 0 || s.looks > c.most {
				t.Errorf("%s: %s %s %v, %d watches", name, r.Verdict, r.Reason, err, s.looks)
			}
			var want []string
			if c.blind {
				want = []string{unseen} // once, however often it was tried
			}
			if !slices.Equal(r.Warnings, want) {
				t.Errorf("%s: warnings %q, want %q", name, r.Warnings, want)
			}
		})
	}
}

// TestGate_FindsTroubleLate has pods that fail at a later step only, and those of a
// revision that another one took the place of.
func TestGate_FindsTroubleLate(t *testing.T) {
	crash := map[int]*rollout.Trouble{40: {Reason: "crash_loop", Message: "pod x cannot start"}}
	for name, c := range map[string]struct {
		rollouts []scene
		seconds  int
	}{
		"at a later step":      {[]scene{{0, starting("v2")}, {9, progressing("v2")}, {40, starting("v2")}}, 45},
		"while all have pods":  {[]scene{{0, starting("v2")}, {9, progressing("v2")}, {60, starting("v2")}}, 60},
		"with the first sight": {[]scene{{50, starting("v2")}}, 58},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &stage{start: time.Now(), values: map[int]promql.Result{0: value(0)}, rollouts: c.rollouts, trouble: crash}
			p, _ := options().check()
			r, err := run(t.Context(), p, s, s)
			if err != nil || r.Reason != "crash_loop" || s.second() != c.seconds {
				t.Errorf("%s: %s %s %v after %d s, want %d s", name, r.Verdict, r.Reason, err, s.second(), c.seconds)
			}
		})
	}
}
