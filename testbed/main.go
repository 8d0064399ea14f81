// Command testbed brings a machine to where hy-home can be tried and tested for
// real, from Debian packages and Go modules alone: no container registry needs to
// be in reach.
//
//	go run ./testbed up [plain|engine|data|charts|kind]   build what is missing, start what is not running
//	go run ./testbed down [--purge]                       stop what up started; --purge also empties the cache
//	go run ./testbed status                               what is there
//
// The levels:
//
//	plain   a control plane, simulated nodes, Argo Rollouts and Prometheus as processes on loopback
//	engine  a Docker engine with all images, a local registry, and a fence around the networks
//	data    engine, and images of PostgreSQL with Patroni, etcd, HAProxy and the exporters
//	charts  engine, and images of what runs through charts
//	kind    engine, and a bare kind cluster on it (the default)
//
// Environment: HY_TESTBED_CACHE is where built things are kept (default
// hy-home-testbed in the user's cache directory); TESTBED=upstream takes images
// from their upstream registries instead of building them.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"golang.org/x/term"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/report"
	"github.com/buenhyden/hy-home/internal/run"
	"github.com/buenhyden/hy-home/testbed/internal/bed"
)

func main() {
	keepDescriptors()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := testbed(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
	}
	os.Exit(exit.Code(err))
}

// keepDescriptors holds back what this process was started with beside its three
// files, such as the lock of flock(1) or the pipes of make: a daemon that it leaves
// behind would keep the lock for as long as it runs.
func keepDescriptors() {
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return // no Linux, no daemons
	}
	for _, f := range open {
		if fd, err := strconv.Atoi(f.Name()); err == nil && fd > 2 {
			syscall.CloseOnExec(fd)
		}
	}
}

const usage = "usage: testbed up [plain|engine|data|charts|kind] | down [--purge] | status"

func testbed(ctx context.Context, args []string, out io.Writer) error {
	command, rest := "", args
	if len(args) > 0 {
		command, rest = args[0], args[1:]
	}
	b, err := bed.Find(os.Getenv, run.Exec{})
	if err != nil {
		return err
	}
	defer b.Close()
	switch command {
	case "up":
		level, err := chooseLevel(rest)
		if err != nil {
			return err
		}
		console := newConsole(out)
		defer console.Close()
		return b.Up(ctx, level, console.Observe)
	case "down":
		purge, err := choosePurge(rest)
		if err != nil {
			return err
		}
		console := newConsole(out)
		defer console.Close()
		return b.Down(ctx, purge, console.Observe)
	case "status":
		if len(rest) > 0 {
			return exit.BadInputf("status takes no argument, not %q", rest)
		}
		return b.Status(ctx, out)
	case "-h", "--help", "help":
		_, err := fmt.Fprintln(out, usage)
		return err
	}
	return exit.BadInputf("unknown command %q; %s", command, usage)
}

func chooseLevel(args []string) (bed.Level, error) {
	switch len(args) {
	case 0:
		return bed.Kind, nil
	case 1:
		return bed.ParseLevel(args[0])
	}
	return "", exit.BadInputf("up takes one level, not %q", args)
}

func choosePurge(args []string) (bool, error) {
	switch {
	case len(args) == 0:
		return false, nil
	case len(args) == 1 && args[0] == "--purge":
		return true, nil
	}
	return false, exit.BadInputf("down takes --purge or nothing, not %q", args)
}

func newConsole(out io.Writer) *report.Console {
	o := report.ConsoleOptions{}
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		o.TTY = true
		o.Colour = os.Getenv("NO_COLOR") == ""
		o.Size = func() (width, height int) {
			width, height, _ = term.GetSize(int(f.Fd())) // what does not tell has a usual size
			return width, height
		}
	}
	return report.NewConsole(out, o)
}
