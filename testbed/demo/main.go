// Command demo stands a small hybrid platform up on the test bed and walks three
// releases of a service through it: a first one, a good one that is promoted and
// a bad one that is stopped. It runs the real binary, as a user or a job does,
// and ends well only if each release ended as it should.
//
// Usage: demo [-out DIR] [-down]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/report"
	"github.com/buenhyden/hy-home/internal/run"
)

func main() {
	out := flag.String("out", "out/demo", "directory for the reports, the infra repository and the logs; emptied first")
	down := flag.Bool("down", false, "remove the platform and stop the test bed instead")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := demo(ctx, *out, *down)
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
	}
	os.Exit(code(ctx, err))
}

func code(ctx context.Context, err error) int {
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil:
		return 130
	default:
		return 1
	}
}

func demo(ctx context.Context, out string, down bool) error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	if out, err = filepath.Abs(out); err != nil {
		return fmt.Errorf("out directory: %w", err)
	}
	s := &stage{root: root, out: out, bin: filepath.Join(out, "bin", "hyaction"), runner: run.Exec{}, outputs: map[string]string{}, upstream: os.Getenv("TESTBED") == "upstream"}
	nodes := s.release()
	title := "hy-home demo: three releases"
	if down {
		nodes, title = s.strike(), "hy-home demo: clean up"
	} else if err := s.prepare(); err != nil {
		return err
	}
	results, err := show(ctx, nodes)
	if down {
		return err
	}
	r := s.report(ctx, title, results, err)
	return errors.Join(err, s.write(r))
}

// show runs the nodes with live progress on the terminal, or one line a step.
func show(ctx context.Context, nodes []engine.Node) ([]engine.Result, error) {
	fd := int(os.Stdout.Fd())
	console := report.NewConsole(os.Stdout, report.ConsoleOptions{
		TTY:    term.IsTerminal(fd),
		Colour: os.Getenv("NO_COLOR") == "",
		Size: func() (width, height int) {
			width, height, _ = term.GetSize(fd)
			return width, height
		},
	})
	defer console.Close()
	return engine.Run(ctx, nodes, engine.Options{Observe: console.Observe, Budget: -1})
}

// moduleRoot is where go.mod lies: the demo runs from anywhere in the checkout.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the checkout: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "infra-template")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("run the demo inside a checkout of hy-home: no go.mod with infra-template/ above this directory")
		}
		dir = parent
	}
}

// limit of one step: the first platform on two cores pulls and starts
// everything, and the test bed may have to be built from source before.
const limit = time.Hour
