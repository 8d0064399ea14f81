// Package diag gathers, after a failure and before anything is torn down, what a
// person needs to find its cause: one folder, with the cause on top.
package diag

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
)

// Collector is a driver that knows more about its components: states, logs,
// events. It hands each piece over as a file name and a text, the most telling
// first: time may run out.
type Collector interface {
	Collect(ctx context.Context, c catalog.Component, env engine.Env, write func(name, text string)) error
}

// Source is something else that knows: the machine, the engine, the cluster.
type Source struct {
	Name    string // of its folder
	Collect func(ctx context.Context, write func(name, text string)) error
}

// Case is a run that failed.
type Case struct {
	Dir        string // made anew: what explains an earlier failure would be taken for this one's
	Cause      error
	Steps      []engine.Result
	Components []catalog.Component
	Drivers    map[string]engine.Driver // those that are a [Collector] are asked
	Env        engine.Env               // its secrets are replaced in every file
	Sources    []Source
	Limit      time.Duration // of all the gathering; 0 means 30 s
}

// defaultLimit: whoever waits for the gathering waits for a failed job.
const defaultLimit = 30 * time.Second

// Gather writes cause.txt, a folder for each source and each component that
// there is something to say of, and a README.md that lists all of it. What could
// not be gathered, or not in time, is noted in the folder's errors.txt.
func Gather(ctx context.Context, c Case) error {
	if err := errors.Join(os.RemoveAll(c.Dir), os.MkdirAll(c.Dir, 0o700)); err != nil {
		return fmt.Errorf("gather diagnostics: %w", err)
	}
	if c.Limit == 0 {
		c.Limit = defaultLimit
	}
	ctx, cancel := context.WithTimeout(ctx, c.Limit)
	defer cancel()
	w := newWriter(c.Dir, c.Env.Secrets)
	w.write("", "cause.txt", causeText(c))
	// Twice: the process may be killed before the end.
	w.write("", "README.md", w.index(c))

	var all sync.WaitGroup
	for _, s := range c.sources() {
		all.Go(func() {
			err := s.Collect(ctx, func(name, text string) { w.write(s.Name, name, text) })
			if err != nil {
				w.write(s.Name, "errors.txt", err.Error()+"\n")
			}
		})
	}
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
		// Most of them know the context and come to their end now.
		select {
		case <-done:
		case <-time.After(grace):
			w.write("", "errors.txt", fmt.Sprintf("not everything could be gathered within %s\n", c.Limit))
		}
	}
	w.write("", "README.md", w.index(c))
	return w.close()
}

// grace is what collectors get to note what they could not finish.
const grace = 200 * time.Millisecond

// sources are those of the case and the components' own.
func (c Case) sources() []Source {
	sources := c.Sources
	for _, component := range c.Components {
		if collector, ok := c.Drivers[component.Driver].(Collector); ok {
			sources = append(sources, Source{component.Name, func(ctx context.Context, write func(name, text string)) error {
				return collector.Collect(ctx, component, c.Env, write)
			}})
		}
	}
	return sources
}
