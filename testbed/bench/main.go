// Command bench stands the same platform up twice, one after the other on the
// same machine: as installation guides do it (naive.sh: each step and its wait,
// Compose first) and with one setup-platform. A second setup-platform, with
// nothing to do, follows; and one from nothing again, of which the plan knows by
// then how long each part takes on this machine. It prints the times side by side
// and draws them.
//
// Images are on the machine, or in the registry beside the cluster, in both
// cases: what is compared is the way of installing, not the network. What the
// cluster runs are small programs whose readiness probes are those of the charts
// that a real platform is made of (named in catalog/components/*/manifests): they
// are what makes people wait, and what a wait for each costs.
//
// Usage: bench [-out DIR] [-only naive|hyaction]
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/buenhyden/hy-home/internal/report"
	"github.com/buenhyden/hy-home/testbed/internal/host"
	"github.com/buenhyden/hy-home/testbed/internal/node"
)

// The platforms' names: containers and networks of a run that was killed are
// found by them.
const (
	naive    = "naive"
	measured = "hy-bench"
	again    = "from nothing again"
)

func main() {
	out := flag.String("out", "out/bench", "directory for the binaries, logs and reports")
	only := flag.String("only", "", "measure one way only: naive or hyaction")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := bench(ctx, *out, *only); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func bench(ctx context.Context, out, only string) error {
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	if out, err = filepath.Abs(out); err != nil {
		return err
	}
	b := &benchmark{root: root, out: out, bin: filepath.Join(out, "bin"), epoch: time.Now()}
	if err := b.build(ctx, only); err != nil {
		return err
	}
	defer b.clean(context.WithoutCancel(ctx))
	for _, way := range []struct {
		name string
		run  func(context.Context) error
	}{{"naive", b.naive}, {"hyaction", b.hyaction}} {
		if only != "" && only != way.name {
			continue
		}
		b.clean(ctx)
		if err := way.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", way.name, err)
		}
	}
	return errors.Join(b.overhead(ctx), b.report())
}

// benchmark is one run of the program.
type benchmark struct {
	root, out, bin string
	epoch          time.Time // where all lanes are drawn to begin
	steps          []report.Step
	facts          []report.Fact
}

// build makes hyaction and the tools of the guides, in the versions that
// hyaction has them as libraries.
func (b *benchmark) build(ctx context.Context, only string) error {
	fmt.Println("building hyaction, kind, helm and docker-compose")
	err := errors.Join(
		os.MkdirAll(b.bin, 0o755),
		b.command(ctx, b.root, "go", "run", "./testbed", "up", "engine"),
		b.command(ctx, b.root, "go", "build", "-ldflags", "-s -w", "-o", b.bin+"/", "./cmd/hyaction"),
	)
	if err != nil || only == "hyaction" {
		return err
	}
	tools := filepath.Join(b.root, "tools", "bench")
	return errors.Join(
		b.command(ctx, tools, "go", "build", "-o", b.bin+"/", "sigs.k8s.io/kind", "helm.sh/helm/v3/cmd/helm"),
		b.command(ctx, tools, "go", "build", "-o", filepath.Join(b.bin, "docker-compose"), "github.com/docker/compose/v2/cmd"),
	)
}

func (b *benchmark) command(ctx context.Context, dir, name string, args ...string) error {
	var log bytes.Buffer
	c := exec.CommandContext(ctx, name, args...)
	c.Dir, c.Stdout, c.Stderr = dir, &log, &log
	c.Env = append(os.Environ(), "XDG_STATE_HOME="+b.memory())
	if err := c.Run(); err != nil {
		return fmt.Errorf("%s: %w\n%s", c, err, log.String())
	}
	return nil
}

// naive runs the script and takes its times.
func (b *benchmark) naive(ctx context.Context) error {
	fmt.Println("naive: one step after the other")
	work := filepath.Join(b.out, "naive")
	if err := errors.Join(os.RemoveAll(work), os.MkdirAll(work, 0o755)); err != nil {
		return err
	}
	c := exec.CommandContext(ctx, "sh", filepath.Join(b.root, "testbed", "bench", "naive.sh"))
	c.Env = append(os.Environ(),
		"PATH="+b.bin+string(os.PathListSeparator)+os.Getenv("PATH"), "NAME="+naive, "WORK="+work,
		"MIRROR="+host.Mirror, "NODE_IMAGE="+node.Name,
		"CATALOG="+b.catalog("components"), "BUILTIN="+filepath.Join(b.root, "internal", "catalog", "components"))
	c.Stderr = os.Stderr
	stdout, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	before, err := busy()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	at := b.epoch
	var said []string
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		fmt.Println(" ", lines.Text())
		said = append(said, lines.Text())
		fields := strings.Fields(lines.Text())
		if len(fields) != 3 || fields[0] != "==" {
			continue
		}
		seconds, err := strconv.ParseFloat(fields[1], 64)
		if err != nil {
			return fmt.Errorf("line %q: %w", lines.Text(), err)
		}
		end := at.Add(time.Duration(seconds * float64(time.Second)))
		b.steps = append(b.steps, report.Step{Name: "naive " + fields[2], Lane: "naive", Status: report.Passed, Start: at, End: end})
		at = end
	}
	if err := c.Wait(); err != nil {
		return fmt.Errorf("%w: %s", err, strings.Join(said, "; "))
	}
	return b.fact("naive", at.Sub(b.epoch), before)
}

// hyaction runs setup-platform three times. The first knows nothing of this machine.
func (b *benchmark) hyaction(ctx context.Context) error {
	if err := os.RemoveAll(b.memory()); err != nil {
		return err
	}
	for _, run := range []string{"setup-platform", "second run", again} {
		fmt.Println("hyaction: " + run)
		if run == again {
			b.clean(ctx)
		}
		before, err := busy()
		if err != nil {
			return err
		}
		start := time.Now()
		err = b.command(ctx, b.root, filepath.Join(b.bin, "hyaction"), "setup-platform", "--name", measured, "--profile", "bench",
			"--catalog-dir", b.catalog(""), "--node-image", node.Name, "--registry-mirror", host.Mirror, "--state-dir", b.state())
		took := time.Since(start)
		if err != nil {
			return err
		}
		if err := b.fact(run, took, before); err != nil {
			return err
		}
		text, err := os.ReadFile(filepath.Join(b.state(), "report.json"))
		if err != nil {
			return err
		}
		steps, err := report.ParseSteps(text)
		if err != nil {
			return err
		}
		if err := b.keep(run, text); err != nil {
			return err
		}
		for _, s := range steps {
			if s.Start.IsZero() {
				continue
			}
			s.Name, s.Lane = run+" "+s.Name, run
			s.Start, s.End = b.epoch.Add(s.Start.Sub(start)), b.epoch.Add(s.End.Sub(start))
			for i, need := range s.Needs {
				s.Needs[i] = run + " " + need
			}
			b.steps = append(b.steps, s)
		}
	}
	return nil
}

// keep takes over what a run's report says of its speed.
func (b *benchmark) keep(run string, text []byte) error {
	var doc struct{ Facts []report.Fact }
	if err := json.Unmarshal(text, &doc); err != nil {
		return fmt.Errorf("report of %s: %w", run, err)
	}
	for _, f := range doc.Facts {
		switch f.Name {
		case "longest chain", "expected by the plan", "at work at once", "requests to the API server":
			b.facts = append(b.facts, report.Fact{Name: run + ": " + f.Name, Value: f.Value})
		}
	}
	return nil
}

func (b *benchmark) catalog(dir string) string {
	return filepath.Join(b.root, "testbed", "bench", "catalog", dir)
}

func (b *benchmark) state() string { return filepath.Join(b.out, "state") }

// memory is where hyaction keeps what it learns of the machine.
func (b *benchmark) memory() string { return filepath.Join(b.out, "memory") }

// clean takes down what either way has made, also in a run that was killed.
func (b *benchmark) clean(ctx context.Context) {
	_ = b.command(ctx, b.root, filepath.Join(b.bin, "hyaction"), "platform", "down", "--name", measured, "--state-dir", b.state())
	_ = b.command(ctx, b.root, "sh", "-c", `
		docker ps --all --quiet --filter label=io.x-k8s.kind.cluster=`+naive+` | xargs --no-run-if-empty docker rm --force --volumes
		for p in redis-cluster cache sessions history; do
			docker ps --all --quiet --filter label=com.docker.compose.project=`+naive+`-$p | xargs --no-run-if-empty docker rm --force --volumes
			docker volume ls --quiet --filter label=com.docker.compose.project=`+naive+`-$p | xargs --no-run-if-empty docker volume rm
		done
		docker network rm infra_net`)
}
