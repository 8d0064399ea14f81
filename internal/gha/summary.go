package gha

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// summaryCap is how many bytes of job summary one step writes. GitHub refuses a
// summary of more than 1 MiB whole; the rest is left for the line ends that the
// runner adds and for masks, which are longer than some secrets.
const summaryCap = 900 * 1024

const summaryNote = "\n\n> The rest of this summary was left out: GitHub takes 1 MiB per step.\n"

// Summary appends Markdown to the job summary of the step; beyond 900 KiB it is
// cut at a line's end, with a note. On a terminal it is printed as it is.
func (r *Runner) Summary(markdown string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.actions {
		_, err := fmt.Fprintln(r.out, strings.TrimRight(markdown, "\n"))
		return err
	}
	room := summaryCap - r.summarized
	if room <= 0 {
		return nil // the note is there already
	}
	if len(markdown) > room {
		markdown = cut(markdown, max(0, room-len(summaryNote))) + summaryNote
		r.summarized = summaryCap
	}
	r.summarized += len(markdown) + 1
	return r.fileCommand("step-summary", markdown)
}

// cut shortens text to at most n bytes, at the last line end if there is one.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	text = text[:n]
	if i := strings.LastIndexByte(text, '\n'); i > 0 {
		return text[:i]
	}
	for len(text) > 0 && !utf8.ValidString(text[max(0, len(text)-utf8.UTFMax):]) {
		text = text[:len(text)-1]
	}
	return text
}
