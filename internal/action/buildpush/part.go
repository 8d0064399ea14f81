package buildpush

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// part is one of the things that a run does.
type part struct {
	name  string
	when  func() bool // asked when all that it is after has ended
	do    func(context.Context) (string, error)
	after []string // names of parts before it in the list
	idle  bool     // of no use to a run that has failed: it is given up then
}

func names(parts []part) []string {
	out := make([]string, len(parts))
	for i, p := range parts {
		out[i] = p.name
	}
	return out
}

// ending is how a part ends.
type ending struct {
	over  chan struct{}
	ok    bool     // what is after it may be done
	did   *step    // nil: it had nothing to do, was not come to, or was given up
	tells []string // the steps by which it shows in the report: itself, or those before it
}

// errIdle ends what is idle when the run has failed.
var errIdle = errors.New("the run has failed meanwhile")

// run does each part as soon as all is done that it is after. What is under way when one
// fails is not broken off, so that all faults are told together; the first of them, in the
// order of the parts, is the run's.
func (j *job) run(ctx context.Context, parts []part) (fault error) {
	idle, failed := context.WithCancelCause(ctx)
	defer failed(nil)
	ends := map[string]*ending{}
	for _, p := range parts {
		ends[p.name] = &ending{over: make(chan struct{})}
	}
	var running sync.WaitGroup
	for _, p := range parts {
		running.Go(func() {
			end := ends[p.name]
			defer close(end.over)
			end.ok = true
			for _, name := range p.after {
				before := ends[name]
				<-before.over
				end.ok = end.ok && before.ok
				end.tells = append(end.tells, before.tells...)
			}
			slices.Sort(end.tells)
			end.tells = slices.Compact(end.tells)
			if !end.ok || !p.when() {
				return
			}
			on := ctx
			if p.idle {
				on = idle
			}
			start := j.o.Now()
			detail, err := p.do(on)
			if end.ok = err == nil; errors.Is(err, errIdle) {
				return
			}
			if err != nil {
				failed(errIdle)
			}
			end.did = &step{p.name, detail, err, start, j.o.Now(), end.tells}
			end.tells = []string{p.name}
		})
	}
	running.Wait()
	j.res.log = j.log.Steps()
	for _, p := range parts {
		did := ends[p.name].did
		if did == nil {
			continue
		}
		j.res.steps = append(j.res.steps, *did)
		if fault == nil {
			fault = did.err
		}
	}
	return fault
}
