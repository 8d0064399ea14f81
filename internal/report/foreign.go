package report

import (
	"strings"
	"unicode"
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

// brief is clean and clip for text that may be huge: it looks at no more of it
// than can be shown.
func brief(s string, n int) string {
	const most = 8 // bytes per column: the longest runes, and room for escape sequences
	if len(s) > n*most {
		s = strings.ToValidUTF8(s[:n*most], "") + " …"
	}
	return clip(clean(s), n)
}
