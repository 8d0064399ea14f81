package run

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// Fake is a [Runner] for tests: it records each command and answers with
// Handler. It is safe for concurrent use.
type Fake struct {
	// Handler answers a command; nil answers everything with success and no
	// output. An error that is not a *Error is wrapped into one.
	Handler func(Cmd) (Result, error)

	mu    sync.Mutex
	calls []Cmd
}

// Run implements [Runner].
func (f *Fake) Run(ctx context.Context, c Cmd) (Result, error) {
	f.mu.Lock()
	f.calls = append(f.calls, c)
	f.mu.Unlock()

	if err := ctx.Err(); err != nil {
		return Result{Code: -1}, &Error{Cmd: c.String(), Code: -1, Err: err}
	}
	if f.Handler == nil {
		return Result{}, nil
	}
	res, err := f.Handler(c)
	if c.Stdout != nil {
		fmt.Fprint(c.Stdout, res.Stdout)
	}
	if c.Stderr != nil {
		fmt.Fprint(c.Stderr, res.Stderr)
	}
	if err == nil && res.Code != 0 {
		err = fmt.Errorf("exit status %d", res.Code)
	}
	if err == nil {
		return res, nil
	}
	if failed := (*Error)(nil); errors.As(err, &failed) {
		return res, err
	}
	return res, &Error{Cmd: c.String(), Code: res.Code, Stderr: res.Stderr, Err: err}
}

// Calls returns the commands run so far, in the order they came.
func (f *Fake) Calls() []Cmd {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Cmd(nil), f.calls...)
}
