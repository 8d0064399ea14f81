package report

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/testkit/golden"
)

// screen is a terminal of any height and 80 columns that knows what a [Console]
// uses: carriage return, cursor up, clear to the end, colours.
type screen struct {
	t    *testing.T
	rows []string
	y    int
}

var escapes = regexp.MustCompile(`^\x1b\[(\d*)([AJm])`)

func (s *screen) Write(b []byte) (int, error) {
	for i := 0; i < len(b); {
		rest := string(b[i:])
		if m := escapes.FindStringSubmatch(rest); m != nil {
			i += len(m[0])
			switch m[2] {
			case "A":
				n, _ := strconv.Atoi(m[1])
				s.y -= n
				if s.y < 0 {
					s.t.Fatalf("the cursor left the screen")
				}
			case "J":
				s.rows = s.rows[:min(s.y, len(s.rows))]
			}
			continue
		}
		switch b[i] {
		case '\x1b':
			s.t.Fatalf("unknown escape sequence %q", rest[:min(8, len(rest))])
		case '\r':
		case '\n':
			s.row()
			s.y++
		default:
			r, n := utf8.DecodeRune(b[i:])
			*s.row() += string(r)
			i += n
			continue
		}
		i++
	}
	return len(b), nil
}

func (s *screen) row() *string {
	for len(s.rows) <= s.y {
		s.rows = append(s.rows, "")
	}
	return &s.rows[s.y]
}

func (s *screen) String() string { return strings.Join(s.rows, "\n") }

type clock struct{ t time.Time }

func (c *clock) now() time.Time          { return c.t }
func (c *clock) advance(d time.Duration) { c.t = c.t.Add(d) }

func runStory(c *Console, clk *clock, look func(moment string)) {
	ev := func(e engine.Event) { e.Time = clk.now(); e.Total = 4; c.Observe(e) }
	ev(engine.Event{Kind: engine.Started, ID: "infra-net"})
	ev(engine.Event{Kind: engine.Started, ID: "kind-cluster"})
	clk.advance(200 * time.Millisecond)
	ev(engine.Event{Kind: engine.Done, ID: "infra-net", Outcome: engine.Created, Took: 200 * time.Millisecond, Finished: 1})
	ev(engine.Event{Kind: engine.Progress, ID: "kind-cluster", Text: "starting \x1b[31mhy-home-worker\x1b[0m\nnow " + strings.Repeat("long ", 30), Finished: 1})
	clk.advance(12 * time.Second)
	c.refresh()
	look("at work")
	c.refresh()
	ev(engine.Event{Kind: engine.Retrying, ID: "kind-cluster", Text: "try 1 of 3 failed, next in 2s", Err: errors.New("connection refused"), Finished: 1})
	clk.advance(20 * time.Second)
	c.refresh()
	ev(engine.Event{Kind: engine.Failed, ID: "kind-cluster", Took: 32 * time.Second, Err: errors.New("node hy-home-worker: no space left on device\nlast lines of its log:\n  containerd: exit 1"), Finished: 2})
	ev(engine.Event{Kind: engine.Skipped, ID: "argo-rollouts", Finished: 3})
	ev(engine.Event{Kind: engine.Skipped, ID: "prometheus", Finished: 4})
	c.Close()
	c.Close()
	look("end")
}

func TestConsole_Live(t *testing.T) {
	clk := &clock{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	s := &screen{t: t}
	c := newConsole(s, ConsoleOptions{TTY: true, Colour: true, Width: func() int { return 80 }, Now: clk.now})
	var got strings.Builder
	runStory(c, clk, func(moment string) {
		for _, row := range s.rows {
			if moment != "end" && columns(row) > 79 {
				t.Errorf("%s: a line would wrap: %q", moment, row)
			}
		}
		got.WriteString("== " + moment + "\n" + strings.TrimRight(s.String(), "\n") + "\n")
	})
	golden.Compare(t, "console-live.txt", got.String())
}

func TestConsole_Plain(t *testing.T) {
	clk := &clock{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	var b strings.Builder
	c := newConsole(&b, ConsoleOptions{Now: clk.now, Colour: true})
	runStory(c, clk, func(string) {})
	golden.Compare(t, "console-plain.txt", b.String())
}

func TestConsole_GroupsHoldWhatAStepSaidAndTheWholeCause(t *testing.T) {
	clk := &clock{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	var b strings.Builder
	c := newConsole(&b, ConsoleOptions{Now: clk.now, Groups: func(title string, fn func()) {
		b.WriteString("<group " + title + ">\n")
		fn()
		b.WriteString("</group>\n")
	}})
	runStory(c, clk, func(string) {})
	golden.Compare(t, "console-groups.txt", b.String())
}

func TestConsole_CloseStopsTheTicker(t *testing.T) {
	var b strings.Builder
	c := NewConsole(&b, ConsoleOptions{TTY: true})
	c.Observe(engine.Event{Kind: engine.Started, ID: "a", Time: time.Now(), Total: 1})
	c.Close()
	n := b.Len() // a tick after Close would be a race, and more text
	c.Observe(engine.Event{Kind: engine.Done, ID: "a", Time: time.Now(), Total: 1})
	if b.Len() != n {
		t.Errorf("wrote after Close: %q", b.String()[n:])
	}
}
