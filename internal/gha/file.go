package gha

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"

	"github.com/sethvargo/go-githubactions"
)

// The names that may be written to the runner's files. Outputs follow the
// house's kebab case; variables are the portable names of POSIX.
var (
	outputName   = regexp.MustCompile(`^[a-z_][a-z0-9_-]*$`)
	variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

// refusedVariables run code in every later step if user text gets into them.
// The runner itself refuses only NODE_OPTIONS.
var refusedVariables = map[string]bool{
	"BASH_ENV": true, "ENV": true, "LD_LIBRARY_PATH": true, "LD_PRELOAD": true,
	"NODE_OPTIONS": true, "PATH": true, "PERL5OPT": true, "PYTHONSTARTUP": true,
}

// Output sets an output of the step. On a terminal it prints "key=value", or
// the value indented under its key when it has several lines.
func (r *Runner) Output(key, value string) error {
	if !outputName.MatchString(key) {
		return fmt.Errorf("output %q: the name must match %s", key, outputName)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.actions {
		printPair(r.out, key, value)
		return nil
	}
	if err := r.pair("output", key, value); err != nil {
		return fmt.Errorf("output %s: %w", key, err)
	}
	return nil
}

// Env sets a variable for the steps that follow. On a terminal it prints what
// to export, since a process cannot set its parent's environment.
func (r *Runner) Env(key, value string) error {
	if !variableName.MatchString(key) {
		return fmt.Errorf("variable %q: the name must match %s", key, variableName)
	}
	if refusedVariables[strings.ToUpper(key)] {
		return fmt.Errorf("variable %s: it changes what later steps execute", key)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.actions {
		printPair(r.err, "export "+key, value)
		return nil
	}
	if err := r.pair("env", key, value); err != nil {
		return fmt.Errorf("variable %s: %w", key, err)
	}
	return nil
}

// Path puts a directory in front of PATH for the steps that follow.
func (r *Runner) Path(dir string) error {
	if dir == "" || strings.ContainsAny(dir, "\r\n") {
		return fmt.Errorf("path %q: it must be one line, and not empty", dir)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.actions {
		return nil
	}
	return r.fileCommand("path", dir)
}

// pair writes KEY<<DELIMITER, the value and DELIMITER, as one append.
// Bytes that are no UTF-8 are replaced, as the runner would.
func (r *Runner) pair(file, key, value string) error {
	value = strings.ToValidUTF8(value, "\ufffd")
	delimiter := r.random()
	if strings.Contains(value, delimiter) || strings.Contains(key, delimiter) {
		return errDelimiter
	}
	return r.fileCommand(file, key+"<<"+delimiter+githubactions.EOF+value+githubactions.EOF+delimiter)
}

// randomToken returns a token nobody can guess, which no value thus contains.
func randomToken() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	return "hy_" + hex.EncodeToString(b[:])
}
