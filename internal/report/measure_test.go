package report

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                               "plain",
		"a\r\nb\tc":                           "a b c",
		"\x1b[2J\x1b[1;31mred\x1b[0m":         "red",
		"\x1b]0;title\aafter":                 "after",
		"\x1b]8;;http://x\x1b\\link":          "link",
		"\x1b(Bx":                             "Bx",
		"cut \x1b[3":                          "cut",
		"cut \x1b":                            "cut",
		"bidi \u202eevil\u202c":               "bidi evil",
		"\u009b31mC1":                         "31mC1",
		"  spaces  are   one  ":               "spaces are one",
		"\x1b[31\nnext line is not swallowed": "next line is not swallowed",
	} {
		if got := clean(in); got != want {
			t.Errorf("clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add("\x1b[31mred\x1b[0m\x1b]0;t\a")
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			return
		}
		for _, got := range append(lines(s), clean(s)) {
			if strings.ContainsFunc(got, isControl) {
				t.Errorf("%q keeps a control rune: %q", s, got)
			}
			if c := clip(got, 7); columns(c) > 7 {
				t.Errorf("clip(%q, 7) = %q", got, c)
			}
		}
	})
}

func TestLines_ProgressBarKeepsItsLastState(t *testing.T) {
	got := lines("10 %\r50 %\r100 %\r\n  next\n\n")
	if want := []string{"100 %", "  next"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestColumns(t *testing.T) {
	for s, want := range map[string]int{"abc": 3, "日本": 4, "e\u0301": 1, "✓": 1, "": 0} {
		if got := columns(s); got != want {
			t.Errorf("columns(%q) = %d, want %d", s, got, want)
		}
	}
	if got := clip("日本語", 4); got != "日…" {
		t.Errorf("clip: %q", got)
	}
}

func TestSeconds(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0.0 s", 340 * time.Millisecond: "0.3 s", 99 * time.Second: "99.0 s",
		125 * time.Second: "2 m 05 s", 2*time.Hour + 3*time.Minute: "2 h 03 m",
		time.Hour - time.Millisecond: "60 m 00 s",
	} {
		if got := seconds(d); got != want {
			t.Errorf("seconds(%s) = %q, want %q", d, got, want)
		}
	}
}

func TestNumber(t *testing.T) {
	for _, c := range []struct {
		v    float64
		unit string
		want string
	}{{0, "%", "0 %"}, {0.05, "", "0.05"}, {51.26, "%", "51.3 %"}, {1234.5, "ms", "1234 ms"}, {math.NaN(), "%", "– %"}, {0.00123456, "", "0.00123"}, {5, "", "5"}, {100, "", "100"}} {
		if got := number(c.v, c.unit); got != c.want {
			t.Errorf("number(%v, %q) = %q, want %q", c.v, c.unit, got, c.want)
		}
	}
}

func TestTicks(t *testing.T) {
	for _, top := range []float64{0.003, 0.05, 1, 7, 51, 100, 12345} {
		got := ticks(top, 4)
		if len(got) < 3 || len(got) > 6 || got[len(got)-1] < top*0.99 {
			t.Errorf("ticks(%v) = %v", top, got)
		}
	}
	for _, total := range []time.Duration{0, time.Second, 104 * time.Second, 40 * time.Minute, 50 * time.Hour} {
		if got := timeTicks(total, 8); len(got) == 0 || len(got) > 9 {
			t.Errorf("timeTicks(%s) = %v", total, got)
		}
	}
}

func TestSparkline(t *testing.T) {
	pts := []Point{{at(0), 0}, {at(1), 5}, {at(2), math.NaN()}, {at(3), 10}}
	if got := sparkline(resample(pts, at(0), at(3), 4), 10); got != "▁▅▅█" {
		t.Errorf("%s", got)
	}
	if got := sparkline(resample(pts[1:], at(0), at(3), 3), 10); got != "·▅█" {
		t.Errorf("%s", got)
	}
}
