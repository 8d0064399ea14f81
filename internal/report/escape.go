package report

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Escape makes foreign text safe for one line of GitHub Markdown, a table cell
// included: it shows as it is, whatever it holds.
//
// Every character that could mean something becomes a numeric character
// reference, which by CommonMark's rules (§2.5) never forms structure: no
// markup, no HTML, no link, no end of the cell. What is common in names and
// numbers and harmless where it stands (a dot, the colon before a
// port) stays readable in the source.
func Escape(s string) string {
	s = clean(s)
	var b strings.Builder
	b.Grow(len(s))
	for i, r := range s {
		if r == utf8.RuneError || harmless(s, i, r) {
			b.WriteRune(r)
			continue
		}
		b.WriteString("&#" + strconv.Itoa(int(r)) + ";")
	}
	return b.String()
}

func harmless(s string, i int, r rune) bool {
	switch {
	case r >= 0x80 || isWord(byte(r)):
		return true
	case strings.ContainsRune(" ,;%?/'\"", r):
		return true
	case r == '.':
		// Not in "www.", which GitHub makes a link of, nor in "1.", a list.
		return i > 0 && !isDigits(s[:i]) && !strings.HasSuffix(strings.ToLower(s[max(0, i-6):i]), "www") || between(s, i) && isDigits(s[i+1:i+2])
	case r == '-' || r == '_': // inside of a word GitHub takes neither for markup
		return between(s, i)
	case r == ':':
		// Not in "https://" or "mailto:x", which GitHub makes a link of.
		before := strings.ToLower(s[max(0, i-6):i])
		return i > 0 && !strings.HasPrefix(s[i+1:], "/") && !strings.HasSuffix(before, "mailto") && !strings.HasSuffix(before, "xmpp")
	case r == '(' || r == ')' || r == '=' || r == '+':
		return i > 0 && !isDigits(s[:i])
	}
	return false
}

func between(s string, i int) bool {
	return i > 0 && i+1 < len(s) && isWord(s[i-1]) && isWord(s[i+1])
}

func isDigits(s string) bool { return strings.Trim(s, "0123456789") == "" }

func isWord(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// fence puts a log into a code block whose fence is longer than any run of
// backticks in it, so that no line of the log can close it.
func fence(log []string) string {
	longest := 2
	for _, line := range log {
		run := 0
		for _, r := range line {
			if r != '`' {
				run = 0
				continue
			}
			run++
			longest = max(longest, run)
		}
	}
	ticks := strings.Repeat("`", longest+1)
	return ticks + "text\n" + strings.Join(log, "\n") + "\n" + ticks + "\n"
}
