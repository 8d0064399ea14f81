package run

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestExec_KeepsOutputAndCode(t *testing.T) {
	var live bytes.Buffer
	res, err := Exec{}.Run(t.Context(), Cmd{
		Name:   "sh",
		Args:   []string{"-c", `cat; echo "$GREETING"; echo oops >&2; exit 3`},
		Env:    []string{"GREETING=hello"},
		Stdin:  strings.NewReader("in\n"),
		Stdout: &live,
	})
	if res.Stdout != "in\nhello\n" || res.Stderr != "oops\n" || res.Code != 3 {
		t.Errorf("Result = %+v", res)
	}
	if live.String() != res.Stdout {
		t.Errorf("live copy %q, kept %q", live.String(), res.Stdout)
	}
	var e *Error
	if !errors.As(err, &e) || e.Code != 3 || !strings.HasSuffix(err.Error(), "exit status 3: oops") {
		t.Errorf("err = %v", err)
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		t.Errorf("%v does not unwrap to *exec.ExitError", err)
	}
}

func TestExec_Environ(t *testing.T) {
	t.Setenv("INPUT_TOKEN", "secret")
	res, err := Exec{Environ: []string{"A=1", "B=1"}}.Run(t.Context(), Cmd{Name: "/usr/bin/env", Env: []string{"B=2"}})
	if err != nil || res.Stdout != "A=1\nB=2\n" {
		t.Errorf("Run = %+v, %v", res, err)
	}
}

func TestExec_MissingProgram(t *testing.T) {
	res, err := Exec{}.Run(t.Context(), Cmd{Name: "no-such-program-here"})
	if !errors.Is(err, exec.ErrNotFound) || res.Code != -1 {
		t.Errorf("Run = %+v, %v", res, err)
	}
}

func TestExec_CancelEndsTheWholeGroup(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		// The child holds stdout open: were it left alive, Run would wait for it.
		_, err := Exec{}.Run(ctx, Cmd{Name: "sh", Args: []string{"-c", "sleep 600 & echo up; wait"}, Stdout: w})
		done <- err
	}()
	if _, err := io.ReadFull(r, make([]byte, 3)); err != nil {
		t.Fatal(err)
	}
	cancel()
	select {
	case err := <-done:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("err = %v, want context.Canceled", err)
		}
	case <-time.After(2 * Grace):
		t.Fatal("the process group outlived its context")
	}
}

func TestTail_KeepsTheEnd(t *testing.T) {
	var b tail
	chunk := bytes.Repeat([]byte("x"), 1<<20)
	for range 11 {
		b.Write(chunk)
	}
	b.Write([]byte("end"))
	if s := b.String(); len(s) != tailLimit || !strings.HasSuffix(s, "xend") {
		t.Errorf("kept %d bytes ending in %q", len(s), s[len(s)-4:])
	}
}

func TestLastLines(t *testing.T) {
	if got := lastLines("a\n\nb \n10%\r50%\rdone\r\n", 2); got != "b\ndone" {
		t.Errorf("lastLines = %q", got)
	}
}

func TestCmd_String(t *testing.T) {
	c := Cmd{Name: "git", Args: []string{"commit", "-m", "a b", ""}, Env: []string{"TOKEN=secret"}}
	if got := c.String(); got != `git commit -m "a b" ""` {
		t.Errorf("String = %s", got)
	}
}

func TestFake_RecordsAndAnswers(t *testing.T) {
	f := &Fake{Handler: func(c Cmd) (Result, error) { return Result{Code: 1, Stderr: "no"}, nil }}
	_, err := f.Run(t.Context(), Cmd{Name: "git"})
	if err == nil || !strings.Contains(err.Error(), "no") || len(f.Calls()) != 1 {
		t.Errorf("err = %v, calls = %v", err, f.Calls())
	}
}
