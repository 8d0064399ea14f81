package report

import (
	"html"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestEscape(t *testing.T) {
	for in, want := range map[string]string{
		"localhost:5001/shop/backend:v2": "localhost:5001/shop/backend:v2",
		"v1.2.3 took 4.5 s (ok)":         "v1.2.3 took 4.5 s (ok)",
		"a | b":                          "a &#124; b",
		"<b>&amp;":                       "&#60;b&#62;&#38;amp&#59;",
		"https://x.example":              "https&#58;//x.example",
		"www.example.com":                "www&#46;example.com",
		"- item":                         "&#45; item",
		"1. item":                        "1&#46; item",
		"1) item":                        "1&#41; item",
		"@user #1":                       "&#64;user &#35;1",
		"two\nlines":                     "two lines",
		"snake_case _x_ a__b":            "snake_case &#95;x&#95; a&#95;&#95;b",
		"why: because":                   "why: because",
		"Done. 1.26":                     "Done. 1.26",
		"1.26.8":                         "1.26.8",
	} {
		want = strings.ReplaceAll(want, "&#59;", ";")
		if got := Escape(in); got != want {
			t.Errorf("Escape(%q) = %q, want %q", in, got, want)
		}
	}
}

// structural is everything that could start a construct of GitHub's Markdown
// in the middle of a line, outside of a character reference.
var structural = regexp.MustCompile("[<>`*~|\\[\\]\\\\!@#$^{}]|&[^#]|&#[^0-9]|://|(?:^|[^0-9A-Za-z])_|_(?:[^0-9A-Za-z]|$)|(?i)www\\.")

func FuzzEscape(f *testing.F) {
	for _, s := range []string{"a|b", "<script>", "[x](y)", "**b**", "```", "1. x", "- x", "+ x", "# x", "===", "https://a.b", "mailto:a@b.c", "&lt;", "\\|", "    code", "\x1b[31m"} {
		f.Add(s)
	}
	reference := regexp.MustCompile(`&#[0-9]+;`)
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			return
		}
		got := Escape(s)
		if shown := html.UnescapeString(got); shown != clean(s) {
			t.Errorf("Escape(%q) shows as %q, want %q", s, shown, clean(s))
		}
		bare := reference.ReplaceAllString(got, "R")
		if m := structural.FindString(bare); m != "" {
			t.Errorf("Escape(%q) = %q keeps %q", s, got, m)
		}
		if regexp.MustCompile(`^([-+=]|\d+[.)](\s|$))`).MatchString(got) {
			t.Errorf("Escape(%q) = %q starts a list or a heading", s, got)
		}
	})
}

func FuzzFence(f *testing.F) {
	f.Add("a\n```\nb")
	f.Add("````")
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			return
		}
		got := strings.Split(fence(lines(s)), "\n")
		open := strings.TrimSuffix(got[0], "text")
		closed := -1
		for i, line := range got[1:] {
			if trimmed := strings.TrimSpace(line); strings.HasPrefix(trimmed, open) && strings.Trim(trimmed, "`") == "" {
				closed = i + 1
				break
			}
		}
		if closed != len(got)-2 { // the last is empty: the text ends with a newline
			t.Errorf("%q closes the fence early:\n%s", s, strings.Join(got, "\n"))
		}
	})
}
