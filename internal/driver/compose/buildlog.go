package compose

import (
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
	rest string // of a line that has not ended
	last string // line that it printed
}

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
		at := l.step(entry.Vertex)
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

func (s *step) line(text string, say func(string)) {
	if i := strings.LastIndex(strings.TrimRight(text, "\r"), "\r"); i >= 0 {
		text = text[i:] // a bar that was drawn over and over
	}
	if text = strings.Join(strings.Fields(text), " "); text != "" {
		s.last = text
		say(text)
	}
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
	l.failed.line(l.failed.rest, l.say)
	if l.failed.rest = ""; l.failed.last == "" || strings.Contains(cause, l.failed.last) {
		return cause
	}
	return cause + ": " + l.failed.last
}

// WriteBuildRef, ValidateLogSource and ClearLogSource make it a progress.Writer:
// they matter to who shows several builds at once.
func (*buildLog) WriteBuildRef(string, string) {}

// ValidateLogSource takes the log of a step from everybody who sends it.
func (*buildLog) ValidateLogSource(godigest.Digest, any) bool { return true }

// ClearLogSource has nothing to clear.
func (*buildLog) ClearLogSource(any) {}
