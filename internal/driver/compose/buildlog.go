package compose

import (
	"cmp"
	"strings"
	"sync"

	bclient "github.com/moby/buildkit/client"
	godigest "github.com/opencontainers/go-digest"
)

// buildLog tells what a builder is at, as progress, and keeps the last words of
// each step for the error of one that fails.
type buildLog struct {
	say func(string)

	mu     sync.Mutex
	steps  map[godigest.Digest]*step
	failed *step
}

// step is one vertex of the builder's graph.
type step struct {
	told bool
	// What it prints comes as two streams, in whatever order the builder got hold of
	// them: each has lines of its own.
	out, err words
}

// words are those of one stream.
type words struct {
	rest string // of a line that has not ended
	last string // line that ended
}

// stderr is the number of that stream in the builder's reports.
const stderr = 2

// Write takes in what the builder reports.
func (l *buildLog) Write(s *bclient.SolveStatus) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, v := range s.Vertexes {
		at := l.step(v.Digest)
		if v.Started != nil && !v.Cached && !at.told && !strings.HasPrefix(v.Name, "[internal]") {
			at.told = true
			l.say(v.Name)
		}
		if v.Error != "" && l.failed == nil {
			l.failed = at
		}
	}
	for _, entry := range s.Logs {
		at := &l.step(entry.Vertex).out
		if entry.Stream == stderr {
			at = &l.step(entry.Vertex).err
		}
		text := at.rest + string(entry.Data)
		for {
			line, rest, ended := strings.Cut(text, "\n")
			if !ended {
				break
			}
			at.line(line, l.say)
			text = rest
		}
		at.rest = text
	}
}

func (w *words) line(text string, say func(string)) {
	if i := strings.LastIndex(strings.TrimRight(text, "\r"), "\r"); i >= 0 {
		text = text[i:] // a bar that was drawn over and over
	}
	if text = strings.Join(strings.Fields(text), " "); text != "" {
		w.last = text
		say(text)
	}
}

// end takes a line that was not ended for whole.
func (w *words) end(say func(string)) {
	w.line(w.rest, say)
	w.rest = ""
}

// lastWords are those that were said of what went wrong, else the last at all.
func (s *step) lastWords(say func(string)) string {
	s.out.end(say)
	s.err.end(say)
	return cmp.Or(s.err.last, s.out.last)
}

func (l *buildLog) step(d godigest.Digest) *step {
	if l.steps == nil {
		l.steps = map[godigest.Digest]*step{}
	}
	if l.steps[d] == nil {
		l.steps[d] = &step{}
	}
	return l.steps[d]
}

// explain adds the last words of the step that failed to its error.
func (l *buildLog) explain(cause string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed == nil {
		return cause
	}
	last := l.failed.lastWords(l.say)
	if last == "" || strings.HasSuffix(cause, last) {
		return cause
	}
	return cause + ": " + last
}

// WriteBuildRef, ValidateLogSource and ClearLogSource make it a progress.Writer:
// they matter to who shows several builds at once.
func (*buildLog) WriteBuildRef(string, string) {}

// ValidateLogSource takes the log of a step from everybody who sends it.
func (*buildLog) ValidateLogSource(godigest.Digest, any) bool { return true }

// ClearLogSource has nothing to clear.
func (*buildLog) ClearLogSource(any) {}
