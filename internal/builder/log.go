package builder

import (
	"bytes"
	"io"
	"sync"

	"github.com/buenhyden/hy-home/internal/pattern"
)

// sink passes on what a tool prints to stdout and stderr, whole lines at a
// time, and tells the steps of the build from it.
type sink struct {
	mu       sync.Mutex
	log      io.Writer
	progress func(string)
	told     string
}

func newSink(log io.Writer, progress func(string)) *sink {
	if log == nil {
		log = io.Discard
	}
	if progress == nil {
		progress = func(string) {}
	}
	return &sink{log: log, progress: progress}
}

func (s *sink) stream() *stream { return &stream{sink: s} }

// steps are the lines of a builder that tell people where it is: BuildKit's
// "#7 [build 3/5] RUN go build" and the classic builder's "Step 3/9 : RUN ...".
var steps = []*pattern.Regexp{
	pattern.New(`^#\d+ (\[[^\]]+\] .+)$`),
	pattern.New(`^#\d+ ((?:exporting|pushing|importing|writing) .+)$`),
	pattern.New(`^(Step \d+/\d+ : .+)$`),
}

func (s *sink) line(line []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = s.log.Write(line)
	text := bytes.TrimRight(line, "\r\n")
	for _, re := range steps {
		if m := re.FindSubmatch(text); m != nil && string(m[1]) != s.told {
			s.told = string(m[1])
			s.progress(s.told)
			return
		}
	}
}

// longLine is where a line is passed on before its end: a tool that prints no
// newlines must not fill the memory.
const longLine = 64 << 10

// stream is one of the two outputs of a tool.
type stream struct {
	sink *sink
	rest []byte // of a line that has no end yet
}

func (s *stream) Write(p []byte) (int, error) {
	s.rest = append(s.rest, p...)
	for {
		i := bytes.IndexByte(s.rest, '\n')
		if i < 0 {
			break
		}
		s.sink.line(s.rest[:i+1])
		s.rest = s.rest[i+1:]
	}
	if len(s.rest) > longLine {
		s.end()
	}
	return len(p), nil
}

// end passes on a last line without a newline.
func (s *stream) end() {
	if len(s.rest) > 0 {
		s.sink.line(append(s.rest, '\n'))
		s.rest = nil
	}
}
