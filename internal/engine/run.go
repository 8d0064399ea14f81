package engine

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Run runs the graph and returns one result per node, in the order given.
//
// The first node that fails for good ends the run: nothing new starts, the
// nodes at work are cancelled, and the error names that node. A cancelled
// context does the same. Nodes that never started are [Blocked].
func Run(ctx context.Context, nodes []Node, o Options) ([]Result, error) {
	if err := Validate(nodes); err != nil {
		return nil, fmt.Errorf("graph: %w", err)
	}
	r := newRunner(nodes, o)
	return r.results, r.run(ctx)
}

// runner is the state of one run. Only its own goroutine (run) touches it;
// workers speak to it through the channel alone.
type runner struct {
	nodes   []Node
	o       Options
	results []Result
	index   map[string]int
	waiting []int           // needs of node i that are not done yet
	blocks  [][]int         // nodes that wait for node i
	chain   []time.Duration // expected from the start of node i to the end of all that waits for it
	ready   []int           // may start, the longest chain first
	running int             // at work, whatever their lane
	shared  int             // of them, those that count for Concurrency
	lanes   map[string]int  // of them, those of each lane with a bound of its own
	ahead   int             // the node that has its head start; -1 for none
	after   *time.Timer     // ends the head start
	ended   int
	events  chan message
	over    chan struct{} // closed when the run is over: late progress goes nowhere
}

// message is what a worker tells the runner: something on the way, or its end.
type message struct {
	node  int
	event Event
	final bool
	tries int
}

func newRunner(nodes []Node, o Options) *runner {
	if o.Concurrency <= 0 {
		o.Concurrency = len(nodes)
	}
	if o.Budget == 0 {
		o.Budget = budget
	}
	if o.Backoff <= 0 {
		o.Backoff = time.Second
	}
	if o.Observe == nil {
		o.Observe = func(Event) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	r := &runner{
		nodes: nodes, o: o,
		results: make([]Result, len(nodes)),
		index:   make(map[string]int, len(nodes)),
		waiting: make([]int, len(nodes)),
		blocks:  make([][]int, len(nodes)),
		lanes:   map[string]int{},
		ahead:   -1,
		after:   time.NewTimer(time.Hour),
		events:  make(chan message),
		over:    make(chan struct{}),
	}
	for i, n := range nodes {
		r.index[n.ID] = i
		r.results[i] = Result{ID: n.ID, Lane: n.Lane, Needs: n.Needs, Outcome: Blocked}
	}
	for i, n := range nodes {
		for _, need := range n.Needs {
			j := r.index[need]
			r.blocks[j] = append(r.blocks[j], i)
			r.waiting[i]++
		}
	}
	r.chain = chains(nodes, r.blocks)
	for i := range nodes {
		if r.waiting[i] == 0 {
			r.enqueue(i)
		}
	}
	return r
}

func (r *runner) run(parent context.Context) error {
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	defer close(r.over)
	defer r.after.Stop()
	for i := range r.nodes {
		r.tell(i, Event{Kind: Waiting})
	}
	var cause error
	for {
		for cause == nil && ctx.Err() == nil {
			next := slices.IndexFunc(r.ready, r.mayStart)
			if next < 0 {
				break
			}
			i := r.ready[next]
			r.ready = slices.Delete(r.ready, next, next+1)
			r.start(ctx, i)
		}
		if r.running == 0 {
			break
		}
		select {
		case m := <-r.events:
			if err := r.handle(m, ctx.Err() != nil); err != nil {
				cause = err
				cancel()
			}
		case <-r.after.C:
			r.ahead = -1
		}
	}
	for i := range r.results {
		if r.results[i].Start.IsZero() {
			r.ended++
			r.tell(i, Event{Kind: Skipped, Outcome: Blocked})
		}
	}
	if cause == nil && parent.Err() != nil {
		cause = r.interrupted(parent)
	}
	return cause
}

func (r *runner) start(ctx context.Context, i int) {
	r.count(i, 1)
	if _, ok := r.o.Lanes[r.nodes[i].Lane]; !ok && r.o.HeadStart > 0 {
		r.ahead = i
		r.after.Reset(r.o.HeadStart)
	}
	r.results[i].Start = r.o.Now()
	r.tell(i, Event{Kind: Started})
	go func() { r.events <- r.work(ctx, i) }()
}

// handle takes one message in and returns the error that ends the run, if it is
// one. What breaks after the run was ended, broke because of that: naming it too
// would hide the one cause.
func (r *runner) handle(m message, over bool) error {
	res := &r.results[m.node]
	if m.final {
		r.count(m.node, -1)
		r.ended++
		if r.ahead == m.node {
			r.ahead = -1
		}
		if over && m.event.Err != nil {
			m.event = Event{Kind: Skipped, Outcome: Stopped, Err: m.event.Err}
		}
		res.End, res.Attempts = r.o.Now(), m.tries
		res.Outcome, res.Err = m.event.Outcome, m.event.Err
		m.event.Took = res.End.Sub(res.Start)
	}
	r.tell(m.node, m.event)
	if !m.final || res.Outcome == Stopped {
		return nil
	}
	if res.Err != nil {
		return fmt.Errorf("%s: %w", res.ID, res.Err)
	}
	for _, j := range r.blocks[m.node] {
		if r.waiting[j]--; r.waiting[j] == 0 {
			r.enqueue(j)
		}
	}
	return nil
}

func (r *runner) tell(i int, e Event) {
	e.Time, e.ID, e.Lane = r.o.Now(), r.nodes[i].ID, r.nodes[i].Lane
	e.Finished, e.Total = r.ended, len(r.nodes)
	r.o.Observe(e)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
