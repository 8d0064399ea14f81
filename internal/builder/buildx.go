package builder

import (
	"context"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	"github.com/buenhyden/hy-home/internal/pattern"
	"github.com/buenhyden/hy-home/internal/run"
)

// buildx is a command of buildx. Its own program is run where it was found: docker
// would start it twice, once for what it is, and is the third process.
func (t Tool) buildx(args ...string) run.Cmd {
	if t.Plugin != "" {
		return run.Cmd{Name: t.Plugin, Args: args}
	}
	return run.Cmd{Name: t.CLI, Args: append([]string{"buildx"}, args...)}
}

// systemPlugins is where docker looks for its plugins behind the user's own ones.
var systemPlugins = []string{"/usr/local/lib/docker/cli-plugins", "/usr/local/libexec/docker/cli-plugins", "/usr/lib/docker/cli-plugins", "/usr/libexec/docker/cli-plugins"}

// Plugin is buildx's own program where docker would find it; "" if it is not there, or
// if a context of Docker leads to another engine than DOCKER_HOST and the default do.
// The directory is that of Docker's configuration.
func Plugin(configDir string, getenv func(string) string) string {
	var config struct {
		Context string   `json:"currentContext"`
		Dirs    []string `json:"cliPluginsExtraDirs"`
	}
	if raw, err := os.ReadFile(filepath.Join(configDir, "config.json")); err == nil && json.Unmarshal(raw, &config) != nil {
		return "" // docker says what is wrong with it
	}
	if context := firstNonEmpty(getenv("DOCKER_CONTEXT"), config.Context, "default"); getenv("DOCKER_HOST") == "" && context != "default" {
		return ""
	}
	for _, dir := range append(append(config.Dirs, filepath.Join(configDir, "cli-plugins")), systemPlugins...) {
		file := filepath.Join(dir, "docker-buildx")
		if info, err := os.Stat(file); err == nil && filepath.IsAbs(file) && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return file
		}
	}
	return ""
}

// buildxSays is what "buildx version" ends its only line with but for a commit.
var buildxSays = pattern.New(`^\S+/buildx (\S+)`)

// buildxVersion reads the version out of the program: its start takes 20 ms, which is
// more than all else that is asked before a build. Where it was built without one in
// it, or for another machine, the program is asked; "" is no answer.
func buildxVersion(ctx context.Context, runner run.Runner, program string) string {
	if info, err := buildinfo.ReadFile(program); err == nil && stamped(info) != "" {
		return info.Main.Version
	}
	said, err := runner.Run(ctx, run.Cmd{Name: program, Args: []string{"version"}})
	if m := buildxSays.FindStringSubmatch(said.Stdout); err == nil && m != nil {
		return m[1]
	}
	return ""
}

// stamped is the version in a program that is buildx and runs on this machine, "" of any
// other: one for another machine is found out by running it, and docker told why.
func stamped(info *buildinfo.BuildInfo) string {
	has := func(key, value string) bool {
		return slices.Contains(info.Settings, debug.BuildSetting{Key: key, Value: value})
	}
	if info.Main.Path != "github.com/docker/buildx" || !strings.HasPrefix(info.Main.Version, "v") || !has("GOOS", runtime.GOOS) || !has("GOARCH", runtime.GOARCH) {
		return ""
	}
	return info.Main.Version
}

// direct asks buildx and the engine themselves, at once. Where either does not answer,
// a docker command may know another way, or say why. An engine that is likely to run
// here is not asked what it is: it starts two processes to tell its version.
func (s Search) direct(ctx context.Context, runner run.Runner) (Tool, bool) {
	if s.Plugin == "" || s.API == nil || s.Builder != "" {
		return Tool{}, false
	}
	t := Tool{Plugin: s.Plugin, Mode: Buildx, api: s.API, guessed: true}
	if len(s.Commands) > 0 {
		t.CLI = s.Commands[0]
	}
	var asked sync.WaitGroup
	asked.Go(func() { t.Version = buildxVersion(ctx, runner, s.Plugin) })
	_, err := s.API.Client(ctx)
	if asked.Wait(); err != nil || t.Version == "" {
		return Tool{}, false
	}
	if t.Platform = s.API.Likely(); t.Platform == "" {
		t, err = t.Sure(ctx)
	}
	return t, err == nil
}

// Sure is the tool with what its engine says of itself, where that was guessed.
func (t Tool) Sure(ctx context.Context) (Tool, error) {
	if !t.guessed {
		return t, nil
	}
	engine, err := findAPI(ctx, t.api)
	if err == nil {
		t.Engine, t.Platform, t.guessed = engine.Engine, engine.Platform, false
	}
	return t, err
}

// instance is what buildx tells of a builder.
type instance struct {
	driver     string // "docker" is BuildKit inside of the engine
	containerd bool   // the engine keeps images in containerd's store
}

const dockerDriver = "docker"

// driverLine is the first thing that buildx says of a builder.
var driverLine = pattern.New(`(?m)^Driver:\s+(\S+)`)

// snapshotter is a label of BuildKit inside of an engine with containerd's store;
// buildx knows it by the same.
const snapshotter = "org.mobyproject.buildkit.worker.snapshotter"

// inspect asks buildx about a builder; "" is the current one.
func (t Tool) inspect(ctx context.Context, runner run.Runner, builder string, env []string) (instance, error) {
	args := []string{"inspect"}
	if builder != "" {
		args = append(args, "--", builder)
	}
	c := t.buildx(args...)
	c.Env = env
	res, err := runner.Run(ctx, c)
	if err != nil {
		return instance{}, fault(ctx, "inspect the builder", res, err)
	}
	m := driverLine.FindStringSubmatch(res.Stdout)
	if m == nil {
		return instance{}, errors.New("inspect the builder: buildx names no driver")
	}
	return instance{driver: m[1], containerd: strings.Contains(res.Stdout, snapshotter)}, nil
}
