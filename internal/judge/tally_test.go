package judge

import (
	"testing"
	"time"
)

func TestRule(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	limits := Limits{Successful: 3, Failed: 1, Unanswered: 2}
	// One measurement a second; end is the second from which the release is at its end.
	for _, c := range []struct {
		name     string
		outcomes string // s, f, i, n, e; one per second
		end      int    // -1: not yet
		want     Ruling
	}{
		{"nothing measured", "", 0, More},
		{"good, but not at the end yet", "sssss", -1, More},
		{"good, all of them before the end", "sss", 3, More},
		{"good, the last at the end", "sss", 2, Good},
		{"good, the last exactly then", "ssss", 3, Good},
		{"too few", "ss", 0, More},
		{"one failure is put up with", "fsss", 3, Good},
		{"two are not, even before the end", "ff", -1, Bad},
		{"two are not, however many are good", "sfsssfsss", 0, Bad},
		{"enough good ones, but the last failed", "sssf", 0, More},
		{"enough good ones, but the last has no data", "sssn", 0, More},
		{"no data at the end", "sssnnn", 3, Never},
		{"no data long before the end does not count", "nnnnnn", 5, More},
		{"no data and never any", "nnnnnn", 3, Never},
		{"an answer in between starts anew", "nnsnn", 0, More},
		{"errors count as no answer", "een", 0, Never},
		{"inconclusive counts as no answer", "iii", 0, Never},
		{"data comes at last", "nnnnnsss", 5, Good},
	} {
		var ms []Measurement
		for i, o := range c.outcomes {
			outcome := map[rune]Outcome{'s': Successful, 'f': Failed, 'i': Inconclusive, 'n': NoData, 'e': Error}[o]
			ms = append(ms, Measurement{Time: start.Add(time.Duration(i) * time.Second), Outcome: outcome})
		}
		var end time.Time
		if c.end >= 0 {
			end = start.Add(time.Duration(c.end) * time.Second)
		}
		if got, why := Rule(ms, limits, end); got != c.want || why == "" {
			t.Errorf("%s (%s, end %d): %s (%s), want %s", c.name, c.outcomes, c.end, got, why, c.want)
		}
	}
}

func TestRule_QuotesTheFailedValue(t *testing.T) {
	ms := []Measurement{{Text: "[0.9]", Outcome: Failed}, {Outcome: Error, Message: "timed out"}}
	if _, why := Rule(ms, Limits{Successful: 1}, time.Time{}); why != "1 of 2 measurements failed (0 may), the last of them with [0.9]" {
		t.Error(why)
	}
}

func TestCourse_Enough(t *testing.T) {
	three, ten := Number(3), Number(10)
	for sequence, want := range map[string]bool{"SSS": true, "FSSS": true, "SS": false, "FSFSFSFSFS": true, "": false} {
		failures := Number(5)
		m := Metric{Count: &ten, Interval: "1s", ConsecutiveSuccessLimit: &three, FailureLimit: &failures}
		if got, err := Follow(m, sequence); err != nil || got.Evidence != want {
			t.Errorf("%q: %+v, %v", sequence, got, err)
		}
	}
}

// FuzzRule: good always has enough good measurements, the last of them at the
// end, and never more failures than allowed.
func FuzzRule(f *testing.F) {
	f.Add([]byte{0, 0, 0}, 3, 0, 2, 1)
	f.Fuzz(func(t *testing.T, outcomes []byte, good, bad, unanswered, end int) {
		all := []Outcome{Successful, Failed, Inconclusive, NoData, Error}
		base := time.Unix(0, 0)
		var ms []Measurement
		for i, o := range outcomes {
			ms = append(ms, Measurement{Time: base.Add(time.Duration(i) * time.Second), Outcome: all[int(o)%len(all)]})
		}
		at := base.Add(time.Duration(end%1000) * time.Second)
		ruling, _ := Rule(ms, Limits{good, bad, unanswered}, at)
		if ruling != Good {
			return
		}
		last, n := ms[len(ms)-1], Count(ms)
		if last.Outcome != Successful || last.Time.Before(at) || n.Successful < good || n.Successful == 0 || n.Failed > bad {
			t.Errorf("%v with %d/%d, end %v: good", ms, good, bad, at)
		}
	})
}

func TestMeasurement_Short(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "[]": "[]", "[0.01]": "[0.01]", "[NaN,+Inf]": "[NaN,+Inf]", "42": "42", "[1234567]": "[1234567]",
		"[0.545461312076805]":                   "[0.54546]",
		"[-0.0125292222890893,1234567.8901234]": "[-0.012529,1234568]",
		"0.000000123456789":                     "1.2346e-07",
		"0.0500001":                             "0.05",
	} {
		if got := (Measurement{Text: text}).Short(); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}
