package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/buenhyden/hy-home/internal/engine"
)

// step is what is known of one node while the run goes on.
type step struct {
	id, lane   string
	status     Status // "" while it waits
	text       string // what it does now, or how it ended
	cause      string // of its failure, in full; of the last try's until then
	start, end time.Time
	since      time.Time     // when text was said
	next       time.Duration // plain: when to say again that it is still running
	said       []string      // all it said on its way, for its group
}

// Observe takes in one event of the engine.
func (c *Console) Observe(e engine.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	if c.start.IsZero() {
		c.start = e.Time
	}
	c.now, c.ended, c.total = e.Time, e.Finished, e.Total
	s := c.step(e)
	s.take(e)
	if cause := causeOf(e.Err); e.Kind == engine.Retrying && cause != s.cause {
		s.cause = cause // of a hundred tries that fail alike, the first one is told
		c.flush(c.line(Unclear, e.ID, 0, joinNonEmpty(": ", e.Text, cause)))
	}
	if c.o.TTY {
		return // the next frame shows it
	}
	switch e.Kind {
	case engine.Progress:
		if c.o.Groups != nil && len(s.said) < saidMost {
			s.said = append(s.said, fmt.Sprintf("%8s  %s", "+"+seconds(e.Time.Sub(s.start)), s.text))
		}
	case engine.Done:
		if e.Outcome == engine.Unchanged && e.Took < firstWord {
			c.quiet++
			return
		}
		c.close(c.line(Passed, e.ID, e.Took, s.text), s.said)
	case engine.Failed:
		c.failed(e, s)
	case engine.Skipped:
		c.flush(c.line(Skipped, e.ID, e.Took, s.text))
	}
}

func (c *Console) step(e engine.Event) *step {
	id := clean(e.ID)
	if i := slices.IndexFunc(c.steps, func(s *step) bool { return s.id == id }); i >= 0 {
		return c.steps[i]
	}
	c.spacing = min(32, max(c.spacing, columns(id)))
	c.steps = append(c.steps, &step{id: id, lane: clean(e.Lane)})
	return c.steps[len(c.steps)-1]
}

// take moves the step on by one event.
func (s *step) take(e engine.Event) {
	switch e.Kind {
	case engine.Waiting:
		*s = step{id: s.id, lane: s.lane} // also if an earlier graph had it
	case engine.Started:
		s.status, s.start, s.since, s.next = Running, e.Time, e.Time, firstWord
	case engine.Progress:
		if text := clean(e.Text); text != s.text {
			s.text, s.since = text, e.Time
		}
	case engine.Retrying:
		s.text, s.since = clean(joinNonEmpty(": ", e.Text, causeOf(e.Err))), e.Time
	case engine.Done:
		s.status, s.text, s.end = Passed, clean(string(e.Outcome)), e.Time
	case engine.Failed:
		s.status, s.cause, s.end = Failed, strings.TrimSpace(stripEscapes(causeOf(e.Err))), e.Time
		first, _, _ := strings.Cut(s.cause, "\n")
		s.text = clean(first)
	case engine.Skipped:
		s.status, s.text = Skipped, "not started"
		if e.Outcome == engine.Stopped {
			s.text, s.end = "stopped", e.Time
		}
	}
}

// took is how long the step has been at work by now.
func (s *step) took(now time.Time) time.Duration {
	switch {
	case s.start.IsZero():
		return 0
	case s.end.IsZero():
		return now.Sub(s.start)
	}
	return s.end.Sub(s.start)
}

// close writes the closing line of a step; in a log with groups it is the title
// of what the step said.
func (c *Console) close(line string, said []string) {
	if len(said) == 0 {
		c.flush(line)
		return
	}
	c.o.Groups(strings.TrimRight(line, "\n"), func() {
		c.flush(defuse(strings.Join(said, "\n")) + "\n")
	})
}

// failed shows the cause on the step's own line, and what is too long for it
// in a group below.
func (c *Console) failed(e engine.Event, s *step) {
	c.close(c.line(Failed, e.ID, e.Took, clip(s.text, causeHead)), s.said)
	if !s.long(causeHead) {
		return
	}
	if c.o.Groups == nil {
		c.flush(s.wholeCause("    │ "))
		return
	}
	c.o.Groups(s.id+": the whole cause", func() { c.flush(s.wholeCause("│ ")) })
}

// long reports that there is more to the cause than its first line in so many columns.
func (s *step) long(room int) bool {
	return columns(s.text) > room || strings.Contains(s.cause, "\n")
}

func (s *step) wholeCause(indent string) string {
	var b strings.Builder
	for _, line := range lines(s.cause) {
		b.WriteString(indent + line + "\n")
	}
	return defuse(b.String())
}

// line is the lasting line of one step.
func (c *Console) line(s Status, id string, took time.Duration, detail string) string {
	p := paint(c.o.TTY && c.o.Colour)
	t := strings.Repeat(" ", 9)
	if took > 0 || s == Passed {
		t = fmt.Sprintf("%9s", seconds(took))
	}
	text := p.status(s, sign(s)) + " " + pad(clean(id), c.spacing) + " " + p.dim(t) + "  " + clean(detail)
	return defuse(strings.TrimRight(text, " ")) + "\n"
}

func (c *Console) stillRunning(s *step, ran time.Duration) string {
	left := fmt.Sprintf("still running, %d of %d done", c.ended, c.total)
	return c.line(Running, s.id, ran, joinNonEmpty(": ", left, s.text))
}

func causeOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func joinNonEmpty(sep string, parts ...string) string {
	var kept []string
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, sep)
}
