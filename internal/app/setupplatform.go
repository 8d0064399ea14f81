package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/buenhyden/hy-home/internal/action/setupplatform"
	"github.com/buenhyden/hy-home/internal/apply"
	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/disk"
	"github.com/buenhyden/hy-home/internal/docker"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/machine"
	"github.com/buenhyden/hy-home/internal/plan"
	"github.com/buenhyden/hy-home/internal/report"
	"github.com/buenhyden/hy-home/internal/spec"
	"github.com/buenhyden/hy-home/internal/workspace"
)

// setupPlatform stands the platform up.
func setupPlatform(ctx context.Context, rt *Runtime, in spec.Values) error {
	o, err := platformOptions(rt, in.String("name"), in.String("state-dir"))
	if err != nil {
		return err
	}
	if o.Catalog, err = withOwn(o.Catalog, in.String("catalog-dir")); err != nil {
		return err
	}
	o.Profile = in.String("profile")
	if o.Choice, err = catalog.ParseChoice(words(in.List("components")), words(in.List("sizes"))); err != nil {
		return err
	}
	o.Cluster = in.String("cluster")
	o.ClusterKubeconfig, o.ClusterContext = in.String("cluster-kubeconfig"), in.String("cluster-context")
	if err := externalData(&o, in); err != nil {
		return err
	}
	if o.SealedKeys, err = sealedKeys(in.String("sealed-secrets-key-file")); err != nil {
		return err
	}
	o.NodeImage = in.String("node-image")
	o.ProofImage = in.String("proof-image")
	o.RegistryMirror = in.String("registry-mirror")
	o.DockerUsername, o.DockerPassword = in.String("docker-username"), in.String("docker-password")
	o.Prefetch = in.Bool("prefetch")
	if o.ChartDir, err = chartDir(in.String("chart-dir")); err != nil {
		return err
	}
	if o.Lock, err = chosenLock(in.String("lock-file")); err != nil {
		return err
	}
	if o.Concurrency, err = strconv.Atoi(in.String("concurrency")); err != nil || o.Concurrency < 1 {
		return exit.BadInputf("concurrency %q is no number of 1 or more", in.String("concurrency"))
	}
	if o.Files, err = ownFiles(in); err != nil {
		return err
	}
	if in.Bool("dry-run") {
		p, err := setupplatform.Plan(ctx, o)
		if err != nil {
			return err
		}
		rt.Progress(p.Table())
		rt.Output("changed", "false")
		return nil
	}
	limit := in.Duration("timeout")
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("the platform is not up after %s", limit))
	defer cancel()

	sinceEnd := stopwatch(ctx)

	console := newConsole(rt)
	o.Observe = console.Observe
	res, err := setupplatform.Run(ctx, o)
	console.Close()
	if len(res.Steps) > 0 {
		told := tellPlatform(rt, o, res, err)
		if err == nil || !disk.IsFull(err) { // else it is the same disk once more
			err = errors.Join(err, told)
		}
	}
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = exit.Inconclusivef("%w", err) // out of time, which has a code of its own
	}
	if err != nil {
		return diagnose(ctx, rt, o, res, err, sinceEnd())
	}
	kubeContext := ""
	if res.Kubeconfig != "" {
		if kubeContext, err = apply.CurrentContext(res.Kubeconfig); err != nil {
			return err
		}
		rt.Setenv("KUBECONFIG", res.Kubeconfig)
	}
	rt.Output("kubeconfig", res.Kubeconfig)
	rt.Output("context", kubeContext)
	rt.Output("seconds", strconv.FormatFloat(res.End.Sub(res.Start).Seconds(), 'f', 1, 64))
	rt.Output("changed", strconv.FormatBool(res.Changed()))
	rt.Output("kind-subnet", res.Values["kind-net-subnet"])
	rt.Output("infra-subnet", res.Values["infra-net-subnet"])
	endpoints, err := json.Marshal(res.Plan.Endpoints(o.Name))
	if err != nil {
		return fmt.Errorf("write the endpoints: %w", err)
	}
	rt.Output("endpoints", string(endpoints))
	rt.Output("prometheus-url", res.Plan.PrometheusURL())
	rt.Output("registry", res.Values[setupplatform.RegistryValue])
	return nil
}

// words takes lines of several words apart: "+kafka -airflow" is one line to write.
func words(lines []string) []string { return strings.Fields(strings.Join(lines, " ")) }

// chartDir is the input of that name: a directory that is there, or none.
func chartDir(dir string) (string, error) {
	if dir == "" {
		return "", nil
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return "", exit.BadInputf("chart-dir %q is no directory", dir)
	}
	return filepath.Abs(dir)
}

// ownFiles are the inputs that name files of the user's.
func ownFiles(in spec.Values) (workspace.Files, error) {
	root, err := os.Getwd()
	if err != nil {
		return workspace.Files{}, fmt.Errorf("find the working directory: %w", err)
	}
	return workspace.Files{
		Root:            root,
		ComposeFiles:    in.List("compose-files"),
		EnvFiles:        in.List("env-files"),
		ComposeProfiles: in.List("compose-profiles"),
		KindConfig:      in.String("kind-config"),
		ValuesDir:       in.String("values-dir"),
		ManifestsDir:    in.String("manifests-dir"),
	}, nil
}

// tellPlatform writes the reports of a run, however it ended.
func tellPlatform(rt *Runtime, o setupplatform.Options, res setupplatform.Result, failure error) error {
	r := res.Report(failure)
	rt.Summary(report.Markdown(r))
	data, err := report.JSON(r)
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	for name, text := range map[string][]byte{"json": data, "html": report.HTML(r)} {
		path := filepath.Join(o.StateDir, "report."+name)
		if err := disk.WriteFile(path, text); err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
		rt.Output("report-"+name, path)
	}
	return nil
}

// platformOptions are the options that all commands around a platform share.
func platformOptions(rt *Runtime, name, stateDir string) (setupplatform.Options, error) {
	cat, err := catalog.Embedded()
	if err != nil {
		return setupplatform.Options{}, err
	}
	if stateDir, err = stateDirectory(rt, name, stateDir); err != nil {
		return setupplatform.Options{}, err
	}
	dockerEngine := &docker.Engine{Host: rt.Getenv("DOCKER_HOST")}
	return setupplatform.Options{
		Name: name, StateDir: stateDir, Catalog: cat,
		Drivers:  drivers(dockerEngine),
		Machine:  func(ctx context.Context) (plan.Machine, error) { return lookAtMachine(ctx, dockerEngine) },
		Environ:  parseEnviron(rt.Environ()),
		Pull:     enginePull(dockerEngine),
		Explain:  explainFull(dockerEngine, stateDir),
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
	base := rt.Getenv("XDG_STATE_HOME")
	if base == "" && rt.Getenv("HOME") != "" {
		base = filepath.Join(rt.Getenv("HOME"), ".local", "state")
	}
	if base == "" {
		return "", exit.BadInputf("state-dir is not given, and neither XDG_STATE_HOME nor HOME is set: set one of them")
	}
	return filepath.Join(base, "hyaction", name), nil
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
func lookAtMachine(ctx context.Context, e *docker.Engine) (plan.Machine, error) {
	facts, err := e.Facts(ctx)
	if err != nil {
		return plan.Machine{}, err
	}
	if !facts.Local {
		return plan.Machine{CPUs: facts.CPUs, Memory: catalog.Bytes(facts.Memory)}, nil
	}
	return machine.Look(facts.Root), nil
}

// newConsole shows a run while it happens: a live block on a terminal, lines
// that cannot be taken for commands elsewhere.
func newConsole(rt *Runtime) *report.Console {
	f, ok := rt.program.stderr.(*os.File)
	if !ok || rt.InActions() || !term.IsTerminal(int(f.Fd())) {
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
		Width: func() int {
			width, _, err := term.GetSize(int(f.Fd()))
			if err != nil {
				return 0
			}
			return width
		},
	})
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

func seconds(d time.Duration) string { return d.Round(100 * time.Millisecond).String() }
