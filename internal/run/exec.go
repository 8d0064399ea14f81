package run

import (
	"context"
	"io"
	"os"
	"os/exec"
	"slices"
	"time"
)

// Grace is how long a cancelled process group may take to end after SIGTERM
// before it is killed. GitHub's runner itself waits 7.5 s between SIGINT and
// SIGTERM, so this leaves time to report.
const Grace = 3 * time.Second

// drain is how long the output of a program that has ended may take to arrive here. It has been
// written, so that only two things delay it: a process that was left behind holds the pipe open,
// or this one is not given the time to read, as with fifty programs on a machine that is busy
// with others, which takes more than [Grace].
const drain = 15 * time.Second

// Exec runs real processes. Its zero value is ready.
type Exec struct {
	// Environ is what processes inherit, in the form of [os.Environ]; nil is this
	// process's own environment. An action hands in one without its inputs: a child
	// has no business with INPUT_TOKEN.
	Environ []string
}

// Run implements [Runner].
func (x Exec) Run(ctx context.Context, c Cmd) (Result, error) {
	var stdout, stderr tail
	cmd := exec.CommandContext(ctx, c.Name, c.Args...)
	cmd.Dir, cmd.Stdin = c.Dir, c.Stdin
	cmd.Stdout, cmd.Stderr = tee(&stdout, c.Stdout), tee(&stderr, c.Stderr)
	cmd.Env = x.Environ
	if cmd.Env == nil {
		cmd.Env = os.Environ() //nolint:forbidigo // for programs that have no environment to hand in
	}
	cmd.Env = append(slices.Clip(cmd.Env), c.Env...) // the last of a name wins
	// A group of its own: what the program started (git's ssh, docker's
	// plugins) ends with it, and a terminal's Ctrl-C reaches us first.
	ownGroup(cmd)
	cmd.WaitDelay = drain
	cmd.Cancel = func() error {
		cmd.WaitDelay = Grace // from here on; exec reads it next
		return endGroup(cmd.Process)
	}

	err := cmd.Run()
	if ctx.Err() != nil && cmd.Process != nil {
		_ = killGroup(cmd.Process) // what did not listen; the group may well be gone
	}
	res := Result{Stdout: stdout.String(), Stderr: stderr.String(), Code: -1}
	if cmd.ProcessState != nil {
		res.Code = cmd.ProcessState.ExitCode()
	}
	if err == nil {
		return res, nil
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return res, &Error{Cmd: c.String(), Code: res.Code, Stderr: res.Stderr, Err: err}
}

func tee(keep io.Writer, live io.Writer) io.Writer {
	if live == nil {
		return keep
	}
	return io.MultiWriter(keep, live)
}

// tailLimit bounds what is kept of each stream: a build may print without end.
const tailLimit = 4 << 20

// tail keeps the last tailLimit bytes written to it.
type tail struct{ b []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	// Cut only when twice too long, so that each byte is moved once at most.
	if len(t.b) > 2*tailLimit {
		t.b = append(t.b[:0], t.b[len(t.b)-tailLimit:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	return string(t.b[max(0, len(t.b)-tailLimit):])
}
