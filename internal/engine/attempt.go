package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/buenhyden/hy-home/internal/dns"
)

// budget is how long a passing fault may last. A webhook whose certificate has
// to be made, or an etcd that elects a leader on a busy machine, has been seen to
// need a minute; what takes longer does not come back in time for a CI job.
const budget = 2 * time.Minute

// nameBudget is the one of a name that DNS does not know. It is most likely mistyped,
// and that is told soon; but Go's resolver says the same where one of its two
// questions (for IPv4 and IPv6 addresses) had no answer and the other one an empty one.
const nameBudget = 5 * time.Second

// maxPause between two tries: the end of a fault is noticed no later than this.
const maxPause = 5 * time.Second

// work runs node i until it is done, fails for good, or has been tried again for
// as long as it may.
func (r *runner) work(ctx context.Context, i int) message {
	progress := func(text string) {
		select {
		case r.events <- message{node: i, event: Event{Kind: Progress, Text: text}}:
		case <-r.over:
		}
	}
	backoff := r.o.Backoff
	var first time.Time // of the failures
	for try := 1; ; try++ {
		outcome, late, err := attempt(ctx, r.nodes[i], progress)
		if err == nil {
			return message{node: i, final: true, tries: try, event: Event{Kind: Done, Outcome: outcome}}
		}
		now := r.o.Now()
		if first.IsZero() {
			first = now
		}
		pause := jitter(backoff)
		if late || !IsTransient(err) || now.Add(pause).Sub(first) > r.budget(err) || ctx.Err() != nil {
			if try > 1 {
				err = fmt.Errorf("%w (tried %d times in %s)", err, try, now.Sub(first).Round(time.Second))
			}
			return message{node: i, final: true, tries: try, event: Event{Kind: Failed, Err: err}}
		}
		r.events <- message{node: i, event: Event{Kind: Retrying, Err: err, Text: fmt.Sprintf("try %d failed, next in %s", try, pause.Round(100*time.Millisecond))}}
		if r.o.Sleep(ctx, pause) != nil {
			return message{node: i, final: true, tries: try, event: Event{Kind: Failed, Err: err}}
		}
		backoff = min(2*backoff, maxPause)
	}
}

// budget is how long a fault may last that is thought to pass.
func (r *runner) budget(err error) time.Duration {
	if name := (*dns.UnknownError)(nil); errors.As(err, &name) {
		return min(r.o.Budget, nameBudget)
	}
	return r.o.Budget
}

// jitter is a time between half of d and d: nodes that met the same fault
// together do not come back together.
func jitter(d time.Duration) time.Duration { return d/2 + rand.N(d/2+1) }

// attempt runs the node once under its own time limit. One that is late has had
// its time, whatever it last met on the way: another try would only double it. A
// panic in a driver is that node's failure, not the end of the process with
// everything half done.
func attempt(parent context.Context, n Node, progress func(string)) (outcome Outcome, late bool, err error) {
	ctx := parent
	if n.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(parent, n.Timeout)
		defer cancel()
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	outcome, err = n.Run(ctx, progress)
	if err != nil && ctx.Err() != nil && parent.Err() == nil {
		late, err = true, fmt.Errorf("not done after %s: %w", n.Timeout, err)
	}
	return outcome, late, err
}

// interrupted is the error of a run that was ended from outside: why, and what
// was at work. If time ran out, what that was waiting for is the cause.
func (r *runner) interrupted(ctx context.Context) error {
	var at []string
	for _, res := range r.results {
		switch {
		case res.Outcome != Stopped:
		case errors.Is(ctx.Err(), context.DeadlineExceeded) && res.Err != nil:
			at = append(at, res.ID+": "+res.Err.Error())
		default:
			at = append(at, res.ID)
		}
	}
	text := context.Cause(ctx).Error()
	if len(at) > 0 {
		text += "; at work: " + strings.Join(at, "; ")
	}
	return &interruptedError{text, ctx.Err()}
}

// interruptedError is a run's end from outside. What its nodes said as they were
// stopped is not in its chain: it does not decide the exit code.
type interruptedError struct {
	text  string
	ended error
}

func (e *interruptedError) Error() string { return e.text }
func (e *interruptedError) Unwrap() error { return e.ended }
