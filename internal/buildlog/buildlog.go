// Package buildlog reads what image builders print while they work, and tells what
// each step took and whether the cache had it. It knows BuildKit's plain progress,
// which every version of docker and buildx can print, and the classic builder's.
package buildlog

import (
	"bytes"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/buenhyden/hy-home/internal/pattern"
)

// Step is one step of a build.
type Step struct {
	Name       string    // "[build 2/3] COPY . /src", "exporting to image"
	Stage      string    // of the Dockerfile, with the platform where there are several: "build"; "" is none
	Cached     bool      // nothing was done
	Fault      string    // why it failed
	Start, End time.Time // as far as its lines tell
	layer      bool      // an instruction that a cache can have
}

// Log takes lines as they come. The zero value is ready.
type Log struct {
	Now func() time.Time // nil is time.Now

	mu    sync.Mutex
	steps []*Step
	byID  map[string]*Step
	open  *Step // of the classic builder, which does one after the other
}

// Write takes whole lines.
func (l *Log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now
	if l.Now != nil {
		now = l.Now
	}
	at := now()
	for line := range bytes.Lines(b) {
		l.line(string(bytes.TrimRight(line, "\r\n")), at)
	}
	return len(b), nil
}

var (
	vertex  = pattern.New(`^#(\d+) (.+)$`)
	done    = pattern.New(`^DONE(?: ([\d.]+)s)?$`)
	faulty  = pattern.New(`^ERROR: (.+)$`)
	classic = pattern.New(`^Step \d+/\d+ : (.+)$`)
	// "[build 2/3] RUN make", "[linux/arm64 build 2/3] RUN make", "[2/3] RUN make"
	numbered = pattern.New(`^\[(?:(\S+(?: \S+)*) )?\d+/\d+\] (\S+)`)
)

func (l *Log) line(text string, at time.Time) {
	if m := classic.FindStringSubmatch(text); m != nil {
		l.endClassic(at)
		l.open = l.add(m[0], at)
		l.open.layer = !isFrom(m[1])
		return
	}
	if l.open != nil {
		if text == " ---> Using cache" {
			l.open.Cached = true
		}
		if strings.HasPrefix(text, "Successfully built ") {
			l.endClassic(at)
		}
		return
	}
	m := vertex.FindStringSubmatch(text)
	if m == nil {
		return
	}
	id, said := m[1], m[2]
	s, known := l.byID[id]
	if !known {
		if l.byID == nil {
			l.byID = map[string]*Step{}
		}
		s = l.add(said, at)
		l.byID[id] = s
		if n := numbered.FindStringSubmatch(said); n != nil {
			s.Stage, s.layer = n[1], !isFrom(n[2])
		}
		return
	}
	switch {
	case said == "CACHED":
		s.Cached, s.Start, s.End = true, at, at
	case said == "CANCELED":
		s.End = at
	case done.MatchString(said):
		s.End = at
		// What it took is told; when it started is what its first line made us
		// believe, and lines of a step may come late.
		if took, err := strconv.ParseFloat(done.FindStringSubmatch(said)[1], 64); err == nil {
			s.Start = at.Add(-time.Duration(took * float64(time.Second)))
		}
	case faulty.MatchString(said):
		s.End, s.Fault = at, faulty.FindStringSubmatch(said)[1]
	}
}

func (l *Log) add(name string, at time.Time) *Step {
	s := &Step{Name: name, Start: at}
	l.steps = append(l.steps, s)
	return s
}

func (l *Log) endClassic(at time.Time) {
	if l.open != nil {
		l.open.End = at
		l.open = nil
	}
}

func isFrom(instruction string) bool { return strings.HasPrefix(strings.ToUpper(instruction), "FROM") }

// Steps are the steps so far, in the order in which they were first told of.
func (l *Log) Steps() []Step {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]Step, len(l.steps))
	for i, s := range l.steps {
		out[i] = *s
	}
	return out
}

// Hits counts the instructions that the cache had, and all of them.
func Hits(steps []Step) (cached, all int) {
	for _, s := range steps {
		if s.layer {
			all++
			if s.Cached {
				cached++
			}
		}
	}
	return cached, all
}
