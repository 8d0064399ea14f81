package app

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/term"

	"github.com/buenhyden/hy-home/internal/action/setupplatform"
	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/disk"
	"github.com/buenhyden/hy-home/internal/docker"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/machine"
	"github.com/buenhyden/hy-home/internal/plan"
	"github.com/buenhyden/hy-home/internal/report"
)

// platformOptions are the options that all commands around a platform share.
func platformOptions(rt *Runtime, name, stateDir string) (setupplatform.Options, error) {
	cat, err := catalog.Embedded()
	if err != nil {
		return setupplatform.Options{}, err
	}
	if stateDir, err = stateDirectory(rt, name, stateDir); err != nil {
		return setupplatform.Options{}, err
	}
	dockerEngine := &docker.Engine{Getenv: rt.Getenv}
	return setupplatform.Options{
		Name: name, StateDir: stateDir, Catalog: cat,
		Drivers:  drivers(dockerEngine),
		Machine:  func(ctx context.Context) (plan.Machine, error) { return lookAtMachine(ctx, dockerEngine, tookFile(rt)) },
		Remember: func(took map[string]time.Duration) error { return machine.Remember(tookFile(rt), took) },
		Environ:  parseEnviron(rt.Environ()),
		Pull:     enginePull(dockerEngine),
		Explain:  explain(dockerEngine, stateDir),
		Mask:     rt.Mask,
		Progress: rt.Progress,
		Warn:     rt.Warning,
		Log:      rt.Log,
	}, nil
}

// withOwn adds a user's own components and profiles.
func withOwn(cat catalog.Catalog, dir string) (catalog.Catalog, error) {
	if dir == "" {
		return cat, nil
	}
	if info, err := os.Stat(filepath.Join(dir, "components")); err != nil || !info.IsDir() {
		return cat, exit.BadInputf("catalog-dir %s has no directory components", dir)
	}
	own, err := cat.With(os.DirFS(dir))
	if err != nil {
		return cat, exit.BadInputf("catalog-dir %s: %w", dir, err)
	}
	return own, nil
}

// stateDirectory is where a platform's state lies: as given, or by the XDG rule.
func stateDirectory(rt *Runtime, name, given string) (string, error) {
	if given != "" {
		return filepath.Abs(given)
	}
	base := stateHome(rt)
	if base == "" {
		return "", exit.BadInputf("state-dir is not given, and neither XDG_STATE_HOME nor HOME is set: set one of them")
	}
	return filepath.Join(base, "hyaction", name), nil
}

// stateHome is the directory of the XDG rule, "" for none.
func stateHome(rt *Runtime) string {
	if base := rt.Getenv("XDG_STATE_HOME"); base != "" || rt.Getenv("HOME") == "" {
		return base
	}
	return filepath.Join(rt.Getenv("HOME"), ".local", "state")
}

// tookFile is where all platforms of this machine keep how long components took, ""
// for nowhere. No platform has a name with a dot.
func tookFile(rt *Runtime) string {
	if base := stateHome(rt); base != "" {
		return filepath.Join(base, "hyaction", "took.json")
	}
	return ""
}

// explain puts the cause of a failure before what it has led to: what a program
// says whose engine goes away under it can be anything.
func explain(e *docker.Engine, stateDir string) func(context.Context, error) error {
	full := explainFull(e, stateDir)
	return func(ctx context.Context, err error) error {
		if lost := e.Lost(context.WithoutCancel(ctx)); lost != nil {
			return fmt.Errorf("%w: %w", lost, err)
		}
		return full(ctx, err)
	}
}

// explainFull tells of a disk that is full which one it is: the engine's data, if
// they are on this machine, or the state directory.
func explainFull(e *docker.Engine, stateDir string) func(context.Context, error) error {
	return func(ctx context.Context, err error) error {
		if !disk.IsFull(err) {
			return err
		}
		// The node's own context may have ended with it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		dirs := []string{stateDir}
		if facts, factsErr := e.Facts(ctx); factsErr == nil && facts.Local {
			dirs = []string{facts.Root, stateDir}
		}
		return disk.Explain(err, dirs...)
	}
}

// lookAtMachine reads what the machine has left. Of an engine on another
// machine only the totals are known.
func lookAtMachine(ctx context.Context, e *docker.Engine, took string) (plan.Machine, error) {
	facts, err := e.Facts(ctx)
	if err != nil {
		return plan.Machine{}, err
	}
	if !facts.Local {
		return plan.Machine{CPUs: facts.CPUs, Memory: catalog.Bytes(facts.Memory)}, nil
	}
	m := machine.Look(facts.Root)
	if took != "" {
		m.Took = machine.Took(took)
	}
	return m, nil
}

// newConsole shows a run while it happens: a live tree on a terminal, lines
// that cannot be taken for commands elsewhere.
func newConsole(rt *Runtime) *report.Console {
	f, ok := rt.program.stderr.(*os.File)
	if !ok || rt.InActions() || !term.IsTerminal(int(f.Fd())) || rt.Getenv("TERM") == "dumb" {
		o := report.ConsoleOptions{}
		if rt.InActions() {
			o.Groups = func(title string, fn func()) {
				_ = rt.Group(title, func() error { fn(); return nil }) // fn cannot fail
			}
		}
		return report.NewConsole(&sayWriter{rt}, o)
	}
	return report.NewConsole(f, report.ConsoleOptions{
		TTY:    true,
		Colour: rt.Getenv("NO_COLOR") == "",
		Size: func() (width, height int) {
			width, height, _ = term.GetSize(int(f.Fd())) // what does not tell has a usual size
			return width, height
		},
	})
}

// watch shows the run of o on a console. On a terminal warnings go above the tree.
func watch(rt *Runtime, o *setupplatform.Options) *report.Console {
	console := newConsole(rt)
	o.Observe = console.Observe
	if console.Live() {
		o.Warn = func(text string) { console.Print("warning: " + text) }
	}
	return console
}

// showReport writes the job summary; on a terminal it is text, and the steps are in
// the tree above it.
func showReport(rt *Runtime, r report.Report) {
	f, ok := rt.program.stdout.(*os.File)
	if !ok || rt.InActions() || !term.IsTerminal(int(f.Fd())) {
		rt.Summary(report.Markdown(r))
		return
	}
	r.Steps = nil
	width, _, _ := term.GetSize(int(f.Fd())) // what does not tell has a usual width
	rt.Text(report.Text(r, report.TextOptions{Width: width, Colour: rt.Getenv("NO_COLOR") == ""}))
}

// removed counts what a removal took away.
func removed(steps []engine.Result) int {
	n := 0
	for _, s := range steps {
		if s.Outcome == engine.Removed {
			n++
		}
	}
	return n
}
