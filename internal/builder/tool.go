// Package builder builds images from Dockerfiles and pushes them: through the docker
// command, of which it chooses, among those of a machine, one that can use BuildKit with
// the engine that is there; or through the engine's API where there is none.
package builder

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/buenhyden/hy-home/internal/docker"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/run"
)

// Mode is the way an image is built, best first.
type Mode string

// The modes. Classic is the builder before BuildKit: it builds every stage of a
// Dockerfile and knows no mounts. Engine is the same one, spoken to without a docker
// command.
const (
	Buildx   Mode = "buildx"
	BuildKit Mode = "buildkit"
	Classic  Mode = "classic"
	Engine   Mode = "engine"
)

// rank orders the modes by what they can do.
func (m Mode) rank() int {
	return map[Mode]int{Buildx: 2, BuildKit: 1}[m]
}

// Tool is a docker command that reaches an engine or a builder, or the engine alone.
type Tool struct {
	CLI      string // path of the docker command; "" in mode Engine, or where Plugin is enough
	Plugin   string // path of buildx's own program; "" goes through CLI
	Version  string // of CLI, or of buildx where it is run by itself
	Engine   string // version of the engine behind it; "" if there is none, or it was not asked
	Platform string // of that engine: "linux/amd64"; see [Tool.Sure]
	Mode     Mode
	api      *docker.Engine // of the engine that builds; nil where it is reached through CLI alone
	guessed  bool           // Platform is, and the engine was not asked what it is
}

// String says what builds.
func (t Tool) String() string {
	var parts []string
	switch {
	case t.Plugin != "":
		parts = append(parts, t.Version)
	case t.CLI != "":
		parts = append(parts, "docker "+t.Version)
	}
	if t.Engine != "" {
		parts = append(parts, "engine "+t.Engine)
	}
	return fmt.Sprintf("%s (%s)", t.Mode, strings.Join(parts, ", "))
}

// builtInUntil is the last major version of the docker command that brought its
// own BuildKit client; since 23 it needs the buildx plugin for that.
const builtInUntil = 22

// Candidates lists the docker commands in the directories of path (as in $PATH)
// and Debian's own, each once. Two can well exist: a newer client without
// plugins in front of the distribution's.
func Candidates(path string) []string {
	var out []string
	seen := map[string]bool{}
	for _, dir := range append(filepath.SplitList(path), "/usr/bin") {
		file := filepath.Join(dir, "docker")
		info, err := os.Stat(file)
		if !filepath.IsAbs(file) || err != nil || !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
			continue
		}
		real, err := filepath.EvalSymlinks(file)
		if err == nil && !seen[real] {
			seen[real] = true
			out = append(out, file)
		}
	}
	return out
}

// Search is where a tool is looked for.
type Search struct {
	Commands []string       // docker commands, see [Candidates]
	Plugin   string         // buildx's own program, see [Plugin]; "" is none
	Builder  string         // of buildx; "" is the current one
	API      *docker.Engine // of the engine that Plugin builds with, and asked when there is no command at all; nil is none
}

// Find returns the best tool: buildx by itself, else the first command with a working
// buildx, else the first with a BuildKit of its own, else the first that reaches an
// engine, else the engine. Nothing found is bad input: one sentence.
func Find(ctx context.Context, runner run.Runner, s Search) (Tool, error) {
	if t, ok := s.direct(ctx, runner); ok {
		return t, nil
	}
	if len(s.Commands) == 0 {
		return findAPI(ctx, s.API)
	}
	var best Tool
	var why string
	for _, cli := range s.Commands {
		t, fault := probe(ctx, runner, cli, s.Builder)
		if ctx.Err() != nil {
			return Tool{}, context.Cause(ctx)
		}
		if fault != "" {
			why = firstNonEmpty(why, fault)
			continue
		}
		if t.Mode == Buildx {
			return t, nil
		}
		if best.CLI == "" || best.Mode == Classic && t.Mode == BuildKit {
			best = t
		}
	}
	if best.CLI == "" && s.Builder != "" {
		return Tool{}, exit.BadInputf("input builder is %q, and no docker command here has a builder of that name: %s", s.Builder, why)
	}
	if best.CLI == "" {
		return Tool{}, exit.BadInputf("no Docker engine answers (%s): start it, or set DOCKER_HOST to one that runs", why)
	}
	return best, nil
}

func findAPI(ctx context.Context, engine *docker.Engine) (Tool, error) {
	const cure = "install Docker (docker.io on Debian), and put docker on PATH"
	if engine == nil {
		return Tool{}, exit.BadInputf("no docker command found: %s", cure)
	}
	c, err := engine.Client(ctx)
	if err != nil {
		return Tool{}, exit.BadInputf("no docker command found, and %w: %s", err, cure)
	}
	v, err := c.ServerVersion(ctx)
	if err != nil {
		return Tool{}, fmt.Errorf("ask the Docker engine for its version: %w", err)
	}
	return Tool{Engine: v.Version, Platform: v.Os + "/" + v.Arch, Mode: Engine, api: engine}, nil
}

// probe asks one command what it can do, both questions at once: each takes the start
// of a process. buildx is asked about a builder only where the answer decides, as it
// takes as long as both. A fault says why the command cannot be used.
func probe(ctx context.Context, runner run.Runner, cli, builder string) (t Tool, fault string) {
	var buildxErr error
	var asked sync.WaitGroup
	asked.Go(func() { _, buildxErr = runner.Run(ctx, run.Cmd{Name: cli, Args: []string{"buildx", "version"}}) })
	res, _ := runner.Run(ctx, run.Cmd{Name: cli, Args: []string{"version", "--format", "{{json .}}"}}) // what it says counts
	asked.Wait()
	var v struct {
		Client struct{ Version string }
		Server *struct{ Version, Os, Arch string }
	}
	decodeErr := json.Unmarshal([]byte(res.Stdout), &v)
	t = Tool{CLI: cli, Version: v.Client.Version, Mode: Classic}
	if v.Server != nil {
		t.Engine, t.Platform = v.Server.Version, v.Server.Os+"/"+v.Server.Arch
	}
	if buildxErr == nil {
		t.Mode = Buildx
		if v.Server != nil && builder == "" {
			return t, ""
		}
		i, err := t.inspect(ctx, runner, builder, nil)
		if err != nil && builder != "" {
			return Tool{}, err.Error()
		}
		// A builder elsewhere (remote, kubernetes) needs no engine here.
		if err == nil && (v.Server != nil || !strings.HasPrefix(i.driver, dockerDriver)) {
			return t, ""
		}
	}
	if decodeErr != nil || v.Server == nil {
		return Tool{}, firstNonEmpty(lastLine(res.Stderr), cli+" says nothing about its engine")
	}
	if builder != "" {
		return Tool{}, cli + " has no buildx"
	}
	if major, _, _ := strings.Cut(t.Version, "."); atoi(major) >= 19 && atoi(major) <= builtInUntil {
		t.Mode = BuildKit
	}
	return t, ""
}

func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return -1
	}
	return n
}

func firstNonEmpty(texts ...string) string {
	for _, s := range texts {
		if s != "" {
			return s
		}
	}
	return ""
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
