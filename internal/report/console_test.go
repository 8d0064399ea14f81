package report

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/testkit/golden"
	"github.com/buenhyden/hy-home/internal/testkit/screen"
)

type clock struct{ t time.Time }

func newClock() *clock { return &clock{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)} }

func (c *clock) now() time.Time          { return c.t }
func (c *clock) advance(d time.Duration) { c.t = c.t.Add(d) }

// runStory is a run in two tiers in which the cluster fails.
func runStory(c *Console, clk *clock, look func(moment string)) {
	finished := 0
	ev := func(e engine.Event) {
		if e.Kind == engine.Done || e.Kind == engine.Failed || e.Kind == engine.Skipped {
			finished++
		}
		e.Lane = map[string]string{"infra-net": "docker", "kind-net": "docker", "redis": "docker"}[e.ID]
		if e.Lane == "" {
			e.Lane = "cluster"
		}
		e.Time, e.Finished, e.Total = clk.now(), finished, 6
		c.Observe(e)
	}
	for _, id := range []string{"infra-net", "kind-net", "redis", "kind-cluster", "argo-rollouts", "prometheus"} {
		ev(engine.Event{Kind: engine.Waiting, ID: id})
	}
	ev(engine.Event{Kind: engine.Started, ID: "kind-net"})
	ev(engine.Event{Kind: engine.Started, ID: "infra-net"})
	ev(engine.Event{Kind: engine.Started, ID: "kind-cluster"})
	ev(engine.Event{Kind: engine.Done, ID: "kind-net", Outcome: engine.Unchanged})
	clk.advance(200 * time.Millisecond)
	ev(engine.Event{Kind: engine.Done, ID: "infra-net", Outcome: engine.Created, Took: 200 * time.Millisecond})
	ev(engine.Event{Kind: engine.Started, ID: "redis"})
	ev(engine.Event{Kind: engine.Progress, ID: "kind-cluster", Text: "starting \x1b[31mhy-home-worker\x1b[0m\nnow " + strings.Repeat("long ", 30)})
	clk.advance(12 * time.Second)
	c.refresh()
	look("at work")
	c.refresh()
	ev(engine.Event{Kind: engine.Retrying, ID: "kind-cluster", Text: "try 1 of 3 failed, next in 2s", Err: errors.New("connection refused")})
	ev(engine.Event{Kind: engine.Retrying, ID: "kind-cluster", Text: "try 2 of 3 failed, next in 4s", Err: errors.New("connection refused")})
	clk.advance(20 * time.Second)
	c.refresh()
	look("second try")
	ev(engine.Event{Kind: engine.Failed, ID: "kind-cluster", Took: 32200 * time.Millisecond, Err: errors.New("node hy-home-worker: no space left on device\nlast lines of its log:\n  containerd: exit 1")})
	ev(engine.Event{Kind: engine.Skipped, Outcome: engine.Stopped, ID: "redis", Took: 32 * time.Second})
	ev(engine.Event{Kind: engine.Skipped, Outcome: engine.Blocked, ID: "argo-rollouts"})
	ev(engine.Event{Kind: engine.Skipped, Outcome: engine.Blocked, ID: "prometheus"})
	c.Close()
	c.Close()
	look("end")
}

func live(width, height int, colour bool, clk *clock) (*Console, *screen.Screen) {
	s := &screen.Screen{Width: width, Height: height}
	return newConsole(s, ConsoleOptions{TTY: true, Colour: colour, Size: func() (int, int) { return width, height }, Now: clk.now}), s
}

func TestConsole_Tree(t *testing.T) {
	var got strings.Builder
	for _, size := range [][2]int{{80, 24}, {44, 7}, {22, 6}} {
		clk := newClock()
		c, s := live(size[0], size[1], true, clk)
		runStory(c, clk, func(moment string) {
			fmt.Fprintf(&got, "== %dx%d, %s\n%s", size[0], size[1], moment, s)
			if len(s.Faults) > 0 {
				t.Errorf("%dx%d, %s: %v", size[0], size[1], moment, s.Faults)
			}
		})
		if s.Colours == 0 {
			t.Error("without colours")
		}
	}
	golden.Compare(t, "console-tree.txt", got.String())
}

// NO_COLOR: the same tree, and no colour in it.
func TestConsole_TreeWithoutColour(t *testing.T) {
	show := func(colour bool) (string, int) {
		clk := newClock()
		c, s := live(80, 24, colour, clk)
		runStory(c, clk, func(string) {})
		return s.String(), s.Colours
	}
	with, _ := show(true)
	without, n := show(false)
	if n != 0 || with != without {
		t.Errorf("%d colours; with them:\n%swithout:\n%s", n, with, without)
	}
}

// However many steps there are and whatever the terminal's size: what is at work
// is on the screen as long as it can be, and nothing ever leaves it.
func TestConsole_TreeFitsAnyTerminal(t *testing.T) {
	for width := 10; width < 120; width += 7 {
		for height := 3; height < 60; height += 4 {
			clk := newClock()
			c, s := live(width, height, false, clk)
			ev := func(kind engine.EventKind, i int) {
				c.Observe(engine.Event{Kind: kind, ID: fmt.Sprintf("step-%02d", i), Lane: fmt.Sprint("lane", i%5), Text: "is doing this and that", Outcome: engine.Created, Time: clk.now(), Total: 40})
			}
			for i := range 40 {
				ev(engine.Waiting, i)
			}
			c.refresh()
			for i := range 40 {
				ev(engine.Started, i)
				ev(engine.Progress, i)
				clk.advance(time.Second)
				c.refresh()
				if drawn := s.String(); height > 4 && width > 20 && !strings.Contains(drawn, fmt.Sprintf("step-%02d", i)) {
					t.Fatalf("%dx%d: step %d is at work and not to be seen:\n%s", width, height, i, drawn)
				}
				ev(engine.Done, i)
			}
			c.refresh()
			if n := strings.Count(s.String(), "\n"); n >= height || len(s.Faults) > 0 {
				t.Fatalf("%dx%d: %d rows, %v:\n%s", width, height, n, s.Faults, s)
			}
		}
	}
}

// Whatever the terminal's size becomes, before the first frame or between two: of an
// earlier frame nothing is left, and what was printed stays.
func TestConsole_TreeOfATerminalThatIsResized(t *testing.T) {
	for _, sizes := range [][][2]int{
		{{80, 24}, {40, 24}},
		{{80, 24}, {40, 24}, {27, 24}, {100, 24}},
		{{120, 24}, {31, 24}, {30, 24}, {60, 24}},
		{{40, 24}, {80, 24}, {79, 24}},
		{{80, 24}, {50, 12}, {50, 24}},
	} {
		clk := newClock()
		size := sizes[0]
		s := &screen.Screen{Width: size[0], Height: size[1]}
		c := newConsole(s, ConsoleOptions{TTY: true, Colour: true, Size: func() (int, int) { return size[0], size[1] }, Now: clk.now})
		c.Print("a warning")
		for i := range 4 {
			id := fmt.Sprint("step-", i)
			c.Observe(engine.Event{Kind: engine.Started, ID: id, Lane: "docker", Time: clk.now(), Total: 4})
			c.Observe(engine.Event{Kind: engine.Progress, ID: id, Text: strings.Repeat("does this and that ", 8), Time: clk.now(), Total: 4})
		}
		for _, size = range sizes {
			s.Resize(size[0], size[1])
			clk.advance(time.Second)
			c.refresh()
			got := s.String()
			for i := range 4 {
				if n := strings.Count(got, fmt.Sprint("step-", i)); n != 1 {
					t.Errorf("%v at %v: step %d is %d times on the screen", sizes, size, i, n)
				}
			}
			if n := strings.Count(got, "\n"); n != 1+1+4+1 || !strings.HasPrefix(got, "a warning\n") || len(s.Faults) > 0 {
				t.Fatalf("%v at %v: %d rows, %v:\n%s", sizes, size, n, s.Faults, got)
			}
		}
	}
}

// A run that found everything as wanted is a line for each tier.
func TestConsole_TreeOfNothingToDoIsShort(t *testing.T) {
	clk := newClock()
	c, s := live(80, 24, false, clk)
	c.Observe(engine.Event{Kind: engine.Started, ID: "infra-net", Lane: "docker", Time: clk.now()})
	clk.advance(time.Second)
	c.Observe(engine.Event{Kind: engine.Done, ID: "infra-net", Lane: "docker", Time: clk.now(), Outcome: engine.Unchanged})
	c.Print("a warning")
	c.Close()
	c.Print("what comes after")
	if want := "a warning\n✓ docker                 1.0 s  1 unchanged\n  1 of 1 done in 1.0 s\nwhat comes after\n"; s.String() != want {
		t.Errorf("got\n%swant\n%s", s, want)
	}
}

func TestConsole_Plain(t *testing.T) {
	clk := newClock()
	var b strings.Builder
	c := newConsole(&b, ConsoleOptions{Now: clk.now, Colour: true})
	runStory(c, clk, func(string) {})
	golden.Compare(t, "console-plain.txt", b.String())
}

func TestConsole_GroupsHoldWhatAStepSaidAndTheWholeCause(t *testing.T) {
	clk := newClock()
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
