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

// clean makes foreign text fit for one line of a terminal: escape sequences are
// taken out whole, so that no log can move the cursor or set a title, and any
// other control or bidirectional mark becomes a space.
func clean(s string) string {
	return strings.Join(strings.FieldsFunc(stripEscapes(s), func(r rune) bool { return r == ' ' || isControl(r) }), " ")
}

// isControl tells the runes that act on a terminal or on the order of text
// instead of being seen (CVE-2021-42574 for the latter).
func isControl(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' ||
		r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' || r == '\ufeff'
}

// stripEscapes removes ANSI escape sequences: CSI up to its final byte, OSC and
// the like up to BEL or ST, and two-byte ones.
func stripEscapes(s string) string {
	if !strings.ContainsRune(s, '\x1b') {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		if s[i] != '\x1b' {
			b.WriteByte(s[i])
			i++
			continue
		}
		i += escapeLen(s[i:])
	}
	return b.String()
}

func escapeLen(s string) int {
	if len(s) < 2 {
		return len(s)
	}
	switch s[1] {
	case '[':
		for i := 2; i < len(s); i++ {
			if s[i] >= 0x40 && s[i] <= 0x7e {
				return i + 1
			}
			if s[i] < 0x20 {
				return i // cut off by a newline: what follows is text again
			}
		}
		return len(s)
	case ']', 'P', 'X', '^', '_':
		for i := 2; i < len(s); i++ {
			if s[i] == '\a' {
				return i + 1
			}
			if s[i] == '\n' {
				return i
			}
			if s[i] == '\x1b' {
				if i+1 < len(s) && s[i+1] == '\\' {
					return i + 2
				}
				return i
			}
		}
		return len(s)
	}
	if s[1] < 0x20 || s[1] >= 0x80 {
		return 1
	}
	return 2
}

// lines splits a log and cleans each line of everything but its indentation.
func lines(s string) []string {
	s = strings.TrimRight(stripEscapes(strings.ReplaceAll(s, "\r\n", "\n")), "\n\r\t ")
	if s == "" {
		return nil
	}
	out := strings.Split(s, "\n")
	for i, line := range out {
		// A progress bar overwrites its own line: only the last state counts.
		if cr := strings.LastIndexByte(strings.TrimRight(line, "\r"), '\r'); cr >= 0 {
			line = line[cr+1:]
		}
		out[i] = strings.TrimRight(strings.Map(func(r rune) rune {
			switch {
			case r == '\t':
				return ' '
			case isControl(r) || r == unicode.ReplacementChar:
				return -1
			}
			return r
		}, line), " ")
	}
	return out
}

// paragraphs splits text at empty lines; each paragraph is one clean line.
func paragraphs(s string) []string {
	var out []string
	var words []string
	for _, line := range append(lines(s), "") {
		if strings.TrimSpace(line) != "" {
			words = append(words, clean(line))
			continue
		}
		if len(words) > 0 {
			out = append(out, strings.Join(words, " "))
			words = nil
		}
	}
	return out
}

func tail(ss []string, n int) []string { return ss[max(0, len(ss)-n):] }

// defuse takes the power from lines that GitHub's runner would read as commands:
// "::name::" at the start of a line, after any spaces, and "##[" anywhere in it
// (actions/runner, ActionCommand.cs). The runner's comparison ignores characters
// without a width of their own, so they do not hide a command here either.
func defuse(text string) string {
	text = strings.ReplaceAll(text, "##[", "## [")
	visible := func(s string) string {
		return strings.Map(func(r rune) rune {
			if runeColumns(r) == 0 && r != '\n' {
				return -1
			}
			return r
		}, stripEscapes(s))
	}
	if v := visible(text); !strings.Contains(v, "::") && !strings.Contains(v, "##[") {
		return text
	}
	out := strings.Split(text, "\n")
	for i, line := range out {
		v := visible(line)
		if strings.Contains(v, "##[") {
			line = strings.ReplaceAll(v, "##[", "## [")
			out[i], v = line, line
		}
		if strings.HasPrefix(strings.TrimSpace(v), "::") {
			out[i] = "│ " + line
		}
	}
	return strings.Join(out, "\n")
}

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

// brief is clean and clip for text that may be huge: it looks at no more of it
// than can be shown.
func brief(s string, n int) string {
	const most = 8 // bytes per column: the longest runes, and room for escape sequences
	if len(s) > n*most {
		s = strings.ToValidUTF8(s[:n*most], "") + " …"
	}
	return clip(clean(s), n)
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
