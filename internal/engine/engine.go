// Package engine runs a graph of nodes: there are no waves, a node starts the
// moment the last of its own needs is done.
//
// The engine knows what a node is called, what it needs and how to run it, and
// nothing else: what a node does is a driver's business (see [Driver]). What
// happens is told as events, in order, from one goroutine at a time.
package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Outcome says what a node's work came to.
type Outcome string

// The outcomes of a node that ended well, and of one that did not come to its end.
// A node that failed has none.
const (
	Created    Outcome = "created"    // it was not there; it is now
	Configured Outcome = "configured" // it was there, and was changed
	Unchanged  Outcome = "unchanged"  // it was there as wanted
	Removed    Outcome = "removed"    // it was there; it is gone
	Checked    Outcome = "checked"    // a proof that makes nothing
	Blocked    Outcome = "blocked"    // not started: a need failed or the run was cancelled
	Stopped    Outcome = "stopped"    // at work when the run was ended for another cause, so not at fault
)

// Node is one piece of work in a graph.
type Node struct {
	ID      string        // unique in the graph, shown to people: "redis-cluster"
	Lane    string        // the row group it is drawn in: "docker", "cluster", "bridge", ...
	Needs   []string      // IDs of the nodes that must be done before it starts
	Timeout time.Duration // of one attempt; 0 means none
	Takes   time.Duration // how long it is expected to take, to choose what starts first; 0 means unknown
	// Run does the work. It may call progress at any time with what it is doing now.
	Run func(ctx context.Context, progress func(string)) (Outcome, error)
}

// EventKind says what happened to a node.
type EventKind string

// The kinds of events, in the order in which one node can have them.
const (
	Waiting  EventKind = "waiting" // it is in the graph: told of each node before the first one starts
	Started  EventKind = "started"
	Progress EventKind = "progress"
	Retrying EventKind = "retrying"
	Done     EventKind = "done"
	Failed   EventKind = "failed"
	Skipped  EventKind = "skipped" // never started, or stopped on the way: see [Blocked] and [Stopped]
)

// Event is one thing that happened during a run.
type Event struct {
	Time    time.Time
	Kind    EventKind
	ID      string
	Lane    string
	Text    string        // Progress: what it does now; Retrying: why
	Outcome Outcome       // Done, Skipped
	Err     error         // Failed, Retrying
	Took    time.Duration // Done, Failed, Skipped
	// Finished of Total nodes have ended, this event included.
	Finished, Total int
}

// Result is what became of one node.
type Result struct {
	ID         string
	Lane       string
	Needs      []string
	Outcome    Outcome
	Err        error
	Start, End time.Time // zero for a blocked node
	Attempts   int
}

// Options say how to run a graph. The zero value runs everything that can run at once.
type Options struct {
	Concurrency int // most nodes at once, those with the longest chain behind them first; 0 means no bound
	// Lanes bounds the nodes of a lane that are at work at once, apart from
	// Concurrency: pulls share the wire, everything else the processors.
	Lanes map[string]int
	// HeadStart is how long a node has the processors for itself before the next
	// one starts, or until it ends: of nodes that could start at the same moment,
	// the one with the longest chain is not slowed down by all others. 0 means none.
	HeadStart time.Duration
	Budget    time.Duration                              // how long after its first [Transient] error a node is tried again, at most 5 s where DNS does not know a name; 0 means 2 min, less than 0 never
	Backoff   time.Duration                              // longest pause before the second try, doubled for each further one up to 5 s; 0 means 1 s
	Observe   func(Event)                                // is never called by two goroutines at once
	Now       func() time.Time                           // for tests; nil means time.Now
	Sleep     func(context.Context, time.Duration) error // for tests; nil waits for real
}

// Transient marks an error as worth another try: a dropped connection, a busy
// registry. Everything else fails at the first try, as trying again would only
// hide the cause.
func Transient(err error) error {
	if err == nil {
		return nil
	}
	return &transientError{err}
}

type transientError struct{ err error }

func (e *transientError) Error() string { return e.err.Error() }
func (e *transientError) Unwrap() error { return e.err }

// IsTransient reports whether err was marked by [Transient].
func IsTransient(err error) bool {
	var t *transientError
	return errors.As(err, &t)
}

// Validate reports the first fault of a graph: an empty or doubled ID, a need
// that is not in the graph, or a cycle (with its path).
func Validate(nodes []Node) error {
	byID := make(map[string]Node, len(nodes))
	for _, n := range nodes {
		if n.ID == "" {
			return errors.New("a node has no ID")
		}
		if _, ok := byID[n.ID]; ok {
			return fmt.Errorf("node %q is in the graph twice", n.ID)
		}
		byID[n.ID] = n
	}
	for _, n := range nodes {
		for _, need := range n.Needs {
			if _, ok := byID[need]; !ok {
				return fmt.Errorf("node %q needs %q, which is not in the graph", n.ID, need)
			}
		}
	}
	return findCycle(nodes, byID)
}

func findCycle(nodes []Node, byID map[string]Node) error {
	const visiting, visited = 1, 2
	state := make(map[string]int, len(nodes))
	var path []string
	var visit func(id string) error
	visit = func(id string) error {
		path = append(path, id)
		defer func() { path = path[:len(path)-1] }()
		switch state[id] {
		case visited:
			return nil
		case visiting:
			return fmt.Errorf("cycle: %s", strings.Join(path[slices.Index(path, id):], " -> "))
		}
		state[id] = visiting
		for _, need := range byID[id].Needs {
			if err := visit(need); err != nil {
				return err
			}
		}
		state[id] = visited
		return nil
	}
	for _, n := range nodes {
		if err := visit(n.ID); err != nil {
			return err
		}
	}
	return nil
}
