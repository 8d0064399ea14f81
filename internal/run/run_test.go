package run

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
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
	defer cancel()
	held := filepath.Join(t.TempDir(), "held")
	if out, err := exec.Command("mkfifo", held).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	done := make(chan error, 1)
	go func() {
		_, err := Exec{}.Run(ctx, Cmd{Name: "sh", Args: []string{"-c", `sleep 600 >"$0" & wait`, held}})
		done <- err
	}()
	child, err := os.Open(held) // when the child holds its other end
	if err != nil {
		t.Fatal(err)
	}
	defer child.Close()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v, want context.Canceled", err)
	}
	if _, err := io.ReadAll(child); err != nil { // which ends with the last process that holds it
		t.Error(err)
	}
}

// What a program has written counts however long it takes to be read: here another holds the
// pipe for longer than a cancelled one would be waited for.
func TestExec_ReadsAllOutputOfAProgramThatEnded(t *testing.T) {
	res, err := Exec{}.Run(t.Context(), Cmd{Name: "sh", Args: []string{"-c", "{ sleep 4; echo late; } & echo first"}}) // 4 s are more than Grace
	if err != nil || res.Stdout != "first\nlate\n" {
		t.Errorf("Run = %+v, %v", res, err)
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
