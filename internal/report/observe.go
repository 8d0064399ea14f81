package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/buenhyden/hy-home/internal/engine"
)

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
	c.ended, c.total = e.Finished, e.Total
	c.spacing = min(32, max(c.spacing, columns(clean(e.ID))))
	switch e.Kind {
	case engine.Started:
		c.atWork = append(c.atWork, &activity{id: clean(e.ID), start: e.Time, next: firstWord})
		if c.o.TTY {
			c.flush("")
		}
	case engine.Progress:
		if a := c.find(e.ID); a != nil {
			a.text = clean(e.Text)
			if c.o.Groups != nil && len(a.said) < saidMost {
				a.said = append(a.said, fmt.Sprintf("%8s  %s", "+"+seconds(e.Time.Sub(a.start)), a.text))
			}
		}
	case engine.Retrying:
		c.flush(c.line(Unclear, e.ID, 0, joinNonEmpty(": ", e.Text, causeOf(e.Err))))
	case engine.Done:
		c.close(c.line(Passed, e.ID, e.Took, string(e.Outcome)), c.drop(e.ID))
	case engine.Failed:
		c.failed(e, c.drop(e.ID))
	case engine.Skipped:
		c.drop(e.ID)
		word := "not started"
		if e.Outcome == engine.Stopped {
			word = "stopped"
		}
		c.flush(c.line(Skipped, e.ID, e.Took, word))
	}
}

// close writes the closing line of a step; in a log with groups it is the title
// of what the step said.
func (c *Console) close(line string, said []string) {
	if len(said) == 0 {
		c.flush(line)
		return
	}
	c.erase()
	c.o.Groups(strings.TrimRight(line, "\n"), func() {
		c.flush(defuse(strings.Join(said, "\n")) + "\n")
	})
}

// failed shows the cause on the step's own line, and what is too long for it
// in a group below.
func (c *Console) failed(e engine.Event, said []string) {
	cause := causeOf(e.Err)
	first, rest, _ := strings.Cut(strings.TrimSpace(stripEscapes(cause)), "\n")
	c.close(c.line(Failed, e.ID, e.Took, clip(clean(first), causeHead)), said)
	if strings.TrimSpace(rest) == "" && columns(clean(first)) <= causeHead {
		return
	}
	show := func(indent string) {
		var b strings.Builder
		for _, line := range lines(cause) {
			b.WriteString(indent + line + "\n")
		}
		c.flush(defuse(b.String()))
	}
	if c.o.Groups == nil {
		show("    │ ")
		return
	}
	c.erase()
	c.o.Groups(clean(e.ID)+": the whole cause", func() { show("│ ") })
}

func (c *Console) find(id string) *activity {
	for _, a := range c.atWork {
		if a.id == clean(id) {
			return a
		}
	}
	return nil
}

// drop takes a step off the list and returns what it said.
func (c *Console) drop(id string) []string {
	for i, a := range c.atWork {
		if a.id == clean(id) {
			c.atWork = append(c.atWork[:i], c.atWork[i+1:]...)
			return a.said
		}
	}
	return nil
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

func (c *Console) stillRunning(a *activity, ran time.Duration) string {
	left := fmt.Sprintf("still running, %d of %d done", c.ended, c.total)
	return c.line(Running, a.id, ran, joinNonEmpty(": ", left, a.text))
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
