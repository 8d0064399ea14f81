// Package diag gathers, after a failure and before anything is torn down, what a
// person needs to find its cause: one folder, with the cause on top.
package diag

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
)

// Collector is a driver that has evidence about its components: states, logs,
// events. It hands each piece over as a file name and a text.
type Collector interface {
	Collect(ctx context.Context, c catalog.Component, env engine.Env, write func(name, text string)) error
}

// limit of all the gathering: whoever waits for it waits for a failed job.
const limit = 30 * time.Second

// Gather makes the folder dir anew and writes cause.txt and, for each component whose driver is a
// [Collector], a folder with its evidence. What could not be gathered is noted
// in the folder's errors.txt. Secrets are replaced in every file.
func Gather(ctx context.Context, dir string, cause error, cs []catalog.Component, drivers map[string]engine.Driver, env engine.Env) error {
	// Evidence of an earlier failure would be taken for that of this one.
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o700)); err != nil {
		return fmt.Errorf("gather evidence: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	w := &writer{dir: dir, hide: hide(env.Secrets)}
	w.write("", "cause.txt", cause.Error()+"\n")

	var all sync.WaitGroup
	for _, c := range cs {
		collector, ok := drivers[c.Driver].(Collector)
		if !ok {
			continue
		}
		all.Add(1)
		go func() {
			defer all.Done()
			err := collector.Collect(ctx, c, env, func(name, text string) { w.write(c.Name, name, text) })
			if err != nil {
				w.write(c.Name, "errors.txt", err.Error()+"\n")
			}
		}()
	}
	all.Wait()
	return w.err()
}

// hide replaces the secrets' values.
func hide(secrets map[string]string) *strings.Replacer {
	var pairs []string
	for name, value := range secrets {
		if value != "" {
			pairs = append(pairs, value, "<"+name+">")
		}
	}
	return strings.NewReplacer(pairs...)
}

// writer writes the files of a folder; it is safe for concurrent use and keeps
// its faults to the end, as one lost file is no reason to lose the others.
type writer struct {
	dir  string
	hide *strings.Replacer

	mu     sync.Mutex
	faults []error
}

func (w *writer) write(component, name, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	// Names come from containers and pods: only their last part counts.
	path := filepath.Join(w.dir, component, filepath.Base("/"+name))
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		err = os.WriteFile(path, []byte(w.hide.Replace(text)), 0o600)
	}
	if err != nil {
		w.faults = append(w.faults, fmt.Errorf("gather evidence: %w", err))
	}
}

func (w *writer) err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return errors.Join(w.faults...)
}
