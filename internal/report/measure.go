package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/width"
)

// columns is how many columns of a terminal the text takes.
func columns(s string) int {
	n := 0
	for _, r := range s {
		n += runeColumns(r)
	}
	return n
}

func runeColumns(r rune) int {
	switch {
	case r < 0x20 || unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case r < 0x300:
		return 1
	}
	if k := width.LookupRune(r).Kind(); k == width.EastAsianWide || k == width.EastAsianFullwidth {
		return 2
	}
	return 1
}

// rows is how many rows a line takes on a terminal of so many columns.
func rows(line string, width int) int {
	n, used := 1, 0
	for _, r := range line {
		w := runeColumns(r)
		if used+w > width {
			n, used = n+1, 0
		}
		used += w
	}
	return n
}

// clip shortens the text to n columns; an ellipsis shows that something is gone.
func clip(s string, n int) string {
	if columns(s) <= n {
		return s
	}
	if n <= 0 {
		return ""
	}
	used := 0
	for i, r := range s {
		w := runeColumns(r)
		if used+w > n-1 {
			return s[:i] + "…"
		}
		used += w
	}
	return s
}

func pad(s string, n int) string { return s + strings.Repeat(" ", max(0, n-columns(s))) }

// seconds writes a time span as a person says it: 0.4 s, 12.3 s, 2 m 05 s.
func seconds(d time.Duration) string {
	switch {
	case d < 100*time.Second:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	case d < time.Hour:
		d = d.Round(time.Second)
		return fmt.Sprintf("%d m %02d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	d = d.Round(time.Minute)
	return fmt.Sprintf("%d h %02d m", int(d.Hours()), int(d.Minutes())%60)
}

// number writes a value with three significant digits and its unit.
func number(v float64, unit string) string {
	text := "–"
	if !math.IsNaN(v) && !math.IsInf(v, 0) {
		digits := 0
		if a := math.Abs(v); a > 0 && a < 100 {
			digits = min(6, max(0, 2-int(math.Floor(math.Log10(a)))))
		}
		text = strconv.FormatFloat(v, 'f', digits, 64)
		if strings.Contains(text, ".") {
			text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
		}
	}
	if unit == "" {
		return text
	}
	return text + " " + clean(unit)
}

// sign is the one-column mark of a status.
func sign(s Status) string {
	switch s {
	case Passed:
		return "✓"
	case Failed:
		return "✗"
	case Unclear:
		return "?"
	case Running:
		return "…"
	}
	return "·"
}

// paint writes ANSI colours, or nothing when it is false.
type paint bool

func (p paint) wrap(code, s string) string {
	if !p || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (p paint) bold(s string) string { return p.wrap("1", s) }
func (p paint) dim(s string) string  { return p.wrap("2", s) }

func (p paint) status(st Status, s string) string {
	switch st {
	case Passed:
		return p.wrap("32", s)
	case Failed:
		return p.wrap("31", s)
	case Unclear:
		return p.wrap("33", s)
	case Running:
		return p.wrap("36", s)
	}
	return p.wrap("2", s)
}
