// Package builder builds images from Dockerfiles through the docker command
// and pushes them. It chooses, among the docker commands of a machine, one that
// can use BuildKit with the engine that is there.
package builder

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/run"
)

// Mode is the way an image is built, best first.
type Mode string

// The modes. Classic is the builder before BuildKit: it builds every stage of a
// Dockerfile and knows no mounts.
const (
	Buildx   Mode = "buildx"
	BuildKit Mode = "buildkit"
	Classic  Mode = "classic"
)

// Tool is a docker command that reaches an engine.
type Tool struct {
	CLI      string // path of the docker command
	Version  string // of that command
	Engine   string // version of the engine behind it
	Platform string // of that engine: "linux/amd64"
	Mode     Mode
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

// Find returns the best tool among the commands: the first with a working
// buildx, else the first with a BuildKit of its own, else the first that
// reaches an engine. No command and no engine are bad input: one sentence each.
func Find(ctx context.Context, runner run.Runner, commands []string) (Tool, error) {
	if len(commands) == 0 {
		return Tool{}, exit.BadInputf("no docker command found: install Docker (docker.io on Debian), and put docker on PATH")
	}
	var best Tool
	var why string
	for _, cli := range commands {
		t, fault, err := probe(ctx, runner, cli)
		if err != nil {
			return Tool{}, err
		}
		if fault != "" {
			if why == "" {
				why = fault
			}
			continue
		}
		if t.Mode == Buildx {
			return t, nil
		}
		if best.CLI == "" || best.Mode == Classic && t.Mode == BuildKit {
			best = t
		}
	}
	if best.CLI == "" {
		return Tool{}, exit.BadInputf("no Docker engine answers (%s): start it, or set DOCKER_HOST to one that runs", why)
	}
	return best, nil
}

// probe asks one command what it can do. A fault says why it cannot be used; an
// error ends the search.
func probe(ctx context.Context, runner run.Runner, cli string) (t Tool, fault string, err error) {
	res, _ := runner.Run(ctx, run.Cmd{Name: cli, Args: []string{"version", "--format", "{{json .}}"}}) // what it says counts
	if ctx.Err() != nil {
		return Tool{}, "", context.Cause(ctx)
	}
	var v struct {
		Client struct{ Version string }
		Server *struct{ Version, Os, Arch string }
	}
	if decodeErr := json.Unmarshal([]byte(res.Stdout), &v); decodeErr != nil || v.Server == nil {
		return Tool{}, firstNonEmpty(lastLine(res.Stderr), cli+" says nothing about its engine"), nil
	}
	t = Tool{CLI: cli, Version: v.Client.Version, Engine: v.Server.Version, Platform: v.Server.Os + "/" + v.Server.Arch, Mode: Classic}
	if _, buildxErr := runner.Run(ctx, run.Cmd{Name: cli, Args: []string{"buildx", "inspect"}}); buildxErr == nil {
		t.Mode = Buildx
	} else if major, _, _ := strings.Cut(t.Version, "."); atoi(major) >= 19 && atoi(major) <= builtInUntil {
		t.Mode = BuildKit
	}
	return t, "", nil
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
