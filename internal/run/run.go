// Package run starts processes: by argument list, never through a shell.
//
// A [Runner] is handed to whoever needs a program, so that tests hand in a
// [Fake] instead. The caller's context ends the whole process group: first with
// SIGTERM, then, after [Grace], with SIGKILL.
package run

import (
	"context"
	"fmt"
	"io"
	"strings"
)

// Runner starts one process and waits for its end.
type Runner interface {
	// Run returns a [*Error] if the process could not be started or did not
	// end with exit code 0; the Result is filled as far as it is known.
	Run(ctx context.Context, c Cmd) (Result, error)
}

// Cmd is one process to start.
type Cmd struct {
	Name  string   // program: a path, or a name looked up in PATH
	Args  []string // arguments after the program's name; put "--" before foreign values
	Dir   string   // working directory; "" is the caller's own
	Env   []string // KEY=value, added to what the runner hands down, and winning over it
	Stdin io.Reader

	// Stdout and Stderr get a live copy of the output, if not nil. The Result
	// holds both in any case, up to the last 4 MiB of each.
	Stdout, Stderr io.Writer
}

// String shows the command for humans. Arguments appear as they are: secrets
// belong in Env or Stdin, which are never shown.
func (c Cmd) String() string {
	var b strings.Builder
	b.WriteString(c.Name)
	for _, a := range c.Args {
		b.WriteByte(' ')
		if a == "" || strings.ContainsAny(a, " \t\n\"'\\") {
			fmt.Fprintf(&b, "%q", a)
		} else {
			b.WriteString(a)
		}
	}
	return b.String()
}

// Result is what a process left behind.
type Result struct {
	Stdout, Stderr string
	Code           int // exit code; -1 if it never started or was killed by a signal
}

// Error says which command failed, and how.
type Error struct {
	Cmd    string // as [Cmd.String]
	Code   int    // as [Result.Code]
	Stderr string // all of it that was kept
	Err    error  // the cause: an *exec.ExitError, a *exec.Error, or the context's error
}

// stderrLines is how many lines of stderr an error quotes: programs put the
// cause into the last ones and usage texts or progress before them.
const stderrLines = 5

func (e *Error) Error() string {
	tail := lastLines(e.Stderr, stderrLines)
	if tail == "" {
		return fmt.Sprintf("%s: %v", e.Cmd, e.Err)
	}
	return fmt.Sprintf("%s: %v: %s", e.Cmd, e.Err, tail)
}

func (e *Error) Unwrap() error { return e.Err }

// lastLines joins the last n lines of s that are not blank.
func lastLines(s string, n int) string {
	var kept []string
	for line := range strings.Lines(s) {
		// What a progress bar drew over is not worth a line.
		line = strings.TrimRight(line, "\r\n")
		line = strings.TrimSpace(line[strings.LastIndexByte(line, '\r')+1:])
		if line != "" {
			kept = append(kept, line)
		}
	}
	if len(kept) > n {
		kept = kept[len(kept)-n:]
	}
	return strings.Join(kept, "\n")
}
