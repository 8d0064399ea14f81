// Package exit gives errors the exit code that the process ends with.
//
// Every command of hyaction answers with one of these codes:
//
//	0    done
//	1    failed
//	2    bad input: one sentence names the input, its value and what would be right; nothing was changed
//	3    the gate says no
//	4    inconclusive, or out of time
//	130  cancelled by a signal
//
// An error without a code counts as 1. Only internal/app turns a code into os.Exit.
package exit

import (
	"context"
	"errors"
	"fmt"
)

// The exit codes of hyaction.
const (
	OK           = 0
	Failed       = 1
	BadInput     = 2
	Refused      = 3
	Inconclusive = 4
	Cancelled    = 130
)

// Error is an error that knows the exit code it deserves.
type Error struct {
	Code int
	Err  error
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an error with a code; the format takes %w as fmt.Errorf does.
func Errorf(code int, format string, args ...any) error {
	return &Error{Code: code, Err: fmt.Errorf(format, args...)}
}

// BadInputf reports bad input: name the input, the value and what would be right.
func BadInputf(format string, args ...any) error { return Errorf(BadInput, format, args...) }

// Refusedf reports that a gate looked and said no.
func Refusedf(format string, args ...any) error { return Errorf(Refused, format, args...) }

// Inconclusivef reports that a gate could not tell, or ran out of time.
func Inconclusivef(format string, args ...any) error { return Errorf(Inconclusive, format, args...) }

// Code returns the exit code of err: the outermost coded error wins, a bare
// context.Canceled counts as Cancelled, any other error as Failed.
func Code(err error) int {
	if err == nil {
		return OK
	}
	var coded *Error
	if errors.As(err, &coded) {
		return coded.Code
	}
	if errors.Is(err, context.Canceled) {
		return Cancelled
	}
	return Failed
}
