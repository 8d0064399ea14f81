package report

import (
	"io"
	"sync"
	"time"
)

// ConsoleOptions say where a run is shown.
type ConsoleOptions struct {
	TTY    bool       // a terminal: a live block that is redrawn in place; else one line per step
	Colour bool       // ANSI colours; only looked at with TTY
	Width  func() int // columns of the terminal now; nil or 0 means 100
	// Groups folds what fn prints under a title. With it each step's closing line
	// is the title of what the step said on its way, and long causes are folded;
	// nil: causes are indented, and what was said on the way is not shown again.
	Groups func(title string, fn func())
	Now    func() time.Time // for tests; nil means time.Now
}

// Console shows a run while it happens. Give its Observe to the engine and call
// Close at the end; both are safe for use by several goroutines, as is Print.
//
// On a terminal, what is at work and what is left stands in a block at the
// bottom and finished steps move up above it. Elsewhere every step is one line
// when it ends, and a step that takes long says so after 10, 20 and 40 seconds
// and then every minute: a log that is silent for longer looks like one that hangs.
type Console struct {
	o    ConsoleOptions
	stop chan struct{}
	done chan struct{}

	mu      sync.Mutex
	w       io.Writer
	atWork  []*activity // in the order in which they started
	ended   int
	total   int
	start   time.Time
	drawn   int // lines of the live block that stand on the screen
	frame   int
	spacing int // width of the longest name seen: keeps the columns still
	closed  bool
}

type activity struct {
	id    string
	text  string
	start time.Time
	next  time.Duration // plain: when to say again that it is still running
	said  []string      // all it said on its way, for its group
}

// saidMost bounds what is kept of a step that talks without end.
const saidMost = 200

const (
	redraw    = 100 * time.Millisecond // of the live block: fast enough for a spinner, cheap over SSH
	firstWord = 10 * time.Second       // plain: when a running step is first mentioned
	lastWord  = time.Minute            // plain: longest silence about a running step
	liveMost  = 12                     // steps in the live block: it must fit on a small terminal
	causeHead = 240                    // columns of a cause that stay outside of a group
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
	if o.Width == nil {
		o.Width = func() int { return defaultWidth }
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

// refresh is one tick: the next frame of the live block, or a word about steps
// that take long.
func (c *Console) refresh() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	if c.o.TTY {
		c.frame++
		c.flush("")
		return
	}
	now := c.o.Now()
	for _, a := range c.atWork {
		if ran := now.Sub(a.start); ran >= a.next {
			for a.next <= ran {
				a.next += min(a.next, lastWord)
			}
			c.flush(c.stillRunning(a, ran))
		}
	}
}

// Print writes one line of text above the live block.
func (c *Console) Print(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flush(defuse(clean(text)) + "\n")
}

// Close takes the live block away and stops drawing. It may be called twice.
func (c *Console) Close() {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return
	}
	c.closed = true
	c.erase()
	c.mu.Unlock()
	if c.stop != nil {
		close(c.stop)
		<-c.done
	}
}
