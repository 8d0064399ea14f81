package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"github.com/buenhyden/hy-home/internal/run"
)

// stage is where the demo plays: its directories, its processes, and what the
// steps hand to one another.
type stage struct {
	root   string // the checkout
	out    string // reports, logs, repositories
	bin    string // the binary under demonstration
	runner run.Runner

	upstream bool // images come from upstream registries, not from the test bed

	mu      sync.Mutex
	outputs map[string]string
	logs    int
}

// prepare empties the out directory, but only one that a demo made.
func (s *stage) prepare() error {
	mark := filepath.Join(s.out, ".hyaction-demo")
	if entries, err := os.ReadDir(s.out); err == nil && len(entries) > 0 {
		if _, err := os.Stat(mark); err != nil {
			return fmt.Errorf("%s is not empty and was not made by the demo: choose another directory with -out", s.out)
		}
		if err := os.RemoveAll(s.out); err != nil {
			return fmt.Errorf("empty %s: %w", s.out, err)
		}
	}
	if err := os.MkdirAll(filepath.Join(s.out, "logs"), 0o755); err != nil {
		return fmt.Errorf("make the out directory: %w", err)
	}
	return os.WriteFile(mark, nil, 0o644)
}

func (s *stage) keep(name, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outputs[name] = value
}

func (s *stage) output(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.outputs[name]
}

func (s *stage) bareRepository() string { return filepath.Join(s.out, "infra.git") }

// action runs one action as on a terminal, with inputs by environment, and
// returns its outputs.
func (s *stage) action(ctx context.Context, progress func(string), name string, inputs map[string]string) (map[string]string, error) {
	stdout, err := s.hyaction(ctx, progress, []string{name, "--output=json"}, inputs)
	outputs := map[string]string{}
	if stdout != "" {
		if jsonErr := json.Unmarshal([]byte(stdout), &outputs); err == nil && jsonErr != nil {
			err = fmt.Errorf("outputs of %s: %w", name, jsonErr)
		}
	}
	return outputs, err
}

// hyaction runs the binary and returns what it printed on standard output.
func (s *stage) hyaction(ctx context.Context, progress func(string), args []string, inputs map[string]string) (string, error) {
	env := []string{"GITHUB_ACTIONS=", "KUBECONFIG=" + s.output("kubeconfig")}
	for name, value := range inputs {
		env = append(env, "INPUT_"+name+"="+value)
	}
	res, err := s.start(ctx, progress, run.Cmd{Name: s.bin, Args: args, Env: env})
	var failed *run.Error
	if errors.As(err, &failed) && ctx.Err() == nil {
		err = &refusal{command: strings.Join(args[:1], " "), code: failed.Code, cause: lastCause(failed.Stderr)}
	}
	return res.Stdout, err
}

// refusal is a command of hyaction that ended with another exit code than 0.
type refusal struct {
	command, cause string
	code           int
}

func (r *refusal) Error() string {
	return fmt.Sprintf("%s ended with exit code %d: %s", r.command, r.code, r.cause)
}

// lastCause is the one line with which hyaction ends when something went wrong.
func lastCause(stderr string) string {
	const mark = "\nerror: " // at a line's start only: a cause may hold the word itself
	stderr = "\n" + stderr
	i := strings.LastIndex(stderr, mark)
	if i < 0 {
		return "no cause was given"
	}
	return strings.TrimSpace(stderr[i+len(mark):])
}

// start runs one process in the checkout: its last line is the step's progress,
// and all it prints goes to a log of its own.
func (s *stage) start(ctx context.Context, progress func(string), c run.Cmd) (run.Result, error) {
	log, err := s.logFile(c)
	if err != nil {
		return run.Result{}, err
	}
	defer log.Close()
	w := io.MultiWriter(log, &lastLine{tell: progress})
	c.Stdout, c.Stderr = w, w
	if c.Dir == "" {
		c.Dir = s.root
	}
	return s.runner.Run(ctx, c)
}

func (s *stage) logFile(c run.Cmd) (*os.File, error) {
	dir := filepath.Join(s.out, "logs")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the log directory: %w", err)
	}
	s.mu.Lock()
	s.logs++
	n := s.logs
	s.mu.Unlock()
	words := append([]string{filepath.Base(c.Name)}, c.Args...)
	if len(words) > 2 {
		words = words[:2]
	}
	name := regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.Join(words, "-"), "-")
	f, err := os.Create(filepath.Join(dir, fmt.Sprintf("%02d-%s.log", n, name)))
	if err != nil {
		return nil, fmt.Errorf("open a log: %w", err)
	}
	return f, nil
}

// freshClone clones the infra repository's head into a directory of its own.
func (s *stage) freshClone(ctx context.Context, progress func(string)) (string, error) {
	dir, err := os.MkdirTemp(s.out, "checkout-")
	if err != nil {
		return "", fmt.Errorf("make a checkout: %w", err)
	}
	_, err = s.start(ctx, progress, run.Cmd{Name: "git", Args: []string{"clone", "--quiet", "--", s.bareRepository(), dir}})
	return dir, err
}

// lastLine tells each complete line that is written to it.
type lastLine struct {
	mu   sync.Mutex
	rest []byte
	tell func(string)
}

func (l *lastLine) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, b...)
	for {
		i := bytes.IndexAny(l.rest, "\r\n")
		if i < 0 {
			return len(b), nil
		}
		if line := strings.TrimSpace(string(l.rest[:i])); line != "" {
			l.tell(line)
		}
		l.rest = l.rest[i+1:]
	}
}
