package report

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/buenhyden/hy-home/internal/engine"
)

// ConsoleOptions say where a run is shown.
type ConsoleOptions struct {
	TTY    bool                       // a terminal: a live tree that is redrawn in place; else one line per step
	Colour bool                       // ANSI colours; only looked at with TTY
	Size   func() (width, height int) // of the terminal now; nil or 0 means 100 columns and 24 rows
	// Groups folds what fn prints under a title. With it each step's closing line
	// is the title of what the step said on its way, and long causes are folded;
	// nil: causes are indented, and what was said on the way is not shown again.
	Groups func(title string, fn func())
	Now    func() time.Time // for tests; nil means time.Now
}

// Console shows a run while it happens. Give its Observe to the engine and call
// Close at the end; both are safe for use by several goroutines, as is Print.
//
// On a terminal the run is a tree at the bottom, as much of it as there is room
// for, and stays there in full when it is over. Elsewhere every step is one line
// when it ends, and a step that takes long says so after 10, 20 and 40 seconds
// and then every minute: a log that is silent for longer looks like one that hangs.
// Steps in which nothing was to do are one line together.
type Console struct {
	o    ConsoleOptions
	stop chan struct{}
	done chan struct{}

	mu      sync.Mutex
	w       io.Writer
	steps   []*step // in the order of the graph
	ended   int
	total   int
	start   time.Time
	now     time.Time // of the last frame or event
	drawn   string    // the tree that stands on the screen, without colours
	frame   int
	spacing int // width of the longest name seen: keeps the columns still
	quiet   int // plain: steps that ended without a line of their own
	closed  bool
}

const (
	redraw        = 100 * time.Millisecond // of the tree: fast enough for a spinner, cheap over SSH
	firstWord     = 10 * time.Second       // plain: when a running step is first mentioned
	lastWord      = time.Minute            // plain: longest silence about a running step
	saidMost      = 200                    // lines that are kept of a step that talks without end
	causeHead     = 240                    // columns of a cause that stay outside of a group
	defaultHeight = 24                     // rows of a terminal that does not tell
)

// NewConsole starts a console that writes to w. Errors of w are ignored: a
// closed pipe must not end a run that is changing a platform.
func NewConsole(w io.Writer, o ConsoleOptions) *Console {
	c := newConsole(w, o)
	c.stop, c.done = make(chan struct{}), make(chan struct{})
	go c.tick()
	return c
}

func newConsole(w io.Writer, o ConsoleOptions) *Console {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Size == nil {
		o.Size = func() (int, int) { return 0, 0 }
	}
	return &Console{o: o, w: w, spacing: 16}
}

func (c *Console) tick() {
	defer close(c.done)
	every := redraw
	if !c.o.TTY {
		every = time.Second
	}
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-c.stop:
			return
		case <-t.C:
			c.refresh()
		}
	}
}

// refresh is one tick: the next frame of the tree, or a word about steps that
// take long.
func (c *Console) refresh() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.now = c.o.Now()
	if c.o.TTY {
		c.frame++
		c.flush("")
		return
	}
	for _, s := range c.steps {
		if ran := c.now.Sub(s.start); s.status == Running && ran >= s.next {
			for s.next <= ran {
				s.next += min(s.next, lastWord)
			}
			c.flush(c.stillRunning(s, ran))
		}
	}
}

// Live reports that what others write to the terminal spoils the tree: it has to
// go through Print.
func (c *Console) Live() bool { return c.o.TTY }

// Print writes one line of text above the tree.
func (c *Console) Print(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flush(defuse(clean(text)) + "\n")
}

// Close draws the tree in full for the last time. It may be called twice.
func (c *Console) Close() {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return
	}
	c.now, c.closed = c.o.Now(), true
	if c.o.TTY {
		c.draw("", true)
	} else if c.quiet > 0 {
		c.flush(fmt.Sprintf("%s %d %s\n", sign(Passed), c.quiet, engine.Unchanged))
	}
	c.mu.Unlock()
	if c.stop != nil {
		close(c.stop)
		<-c.done
	}
}
