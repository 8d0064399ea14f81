// Command benchbuild builds and pushes the same image in turns by docker build and
// docker push, by docker buildx build --push, and by build-push, on the engine of the
// test bed. It prints the medians side by side, and what build-push takes in relation: the
// median of the ratios within a turn, as what else the machine does changes from turn to
// turn, and the interval in which that median lies with a confidence of 95 %.
//
// All label the image with its version, the tag.
//
// Cold is a context that no cache has seen; changed is that one with another source
// file, which the last step brings in, so that all steps before it are cached; cached
// is that one again, under a new tag: build-push is told to build all the same
// (always-build). Unchanged is that context with its default inputs, where it need not
// build.
//
// Of a context, changed and cached are built several times over (-rounds).
//
// Usage: benchbuild [-out DIR] [-repeat N] [-rounds N]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/buenhyden/hy-home/internal/builder"
	"github.com/buenhyden/hy-home/internal/registry"
	"github.com/buenhyden/hy-home/internal/run"
	"github.com/buenhyden/hy-home/testbed/internal/host"
)

func main() {
	out := flag.String("out", "out/bench-build", "directory for the binary and the contexts")
	repeat := flag.Int("repeat", 5, "how many contexts each way builds")
	rounds := flag.Int("rounds", 3, "how many times of each context")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := bench(ctx, *out, *repeat, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// kinds of builds, in the order in which each way makes them of a context.
var kinds = []string{cold, changed, cached}

const cold, changed, cached = "cold", "changed", "cached"

// repository is what all ways push to, each under tags of its own.
const repository = host.RegistryHost + "/bench/build"

// benchmark is one run of the program.
type benchmark struct {
	out, hyaction string
	tool          builder.Tool
	reuses        bool // this hyaction knows not to build at all
	runner        run.Exec
	took          map[string][]time.Duration // by kind and way; what is at one index of several ways is of one turn
	n, turns      int                        // of tags and contexts made, and of turns taken
}

func bench(ctx context.Context, out string, repeat, rounds int) error {
	out, err := filepath.Abs(out)
	if err != nil {
		return err
	}
	b := &benchmark{out: out, hyaction: filepath.Join(out, "hyaction"), took: map[string][]time.Duration{}}
	if err := b.prepare(ctx); err != nil {
		return err
	}
	defer b.clean(context.WithoutCancel(ctx))
	if err := b.build(ctx, repeat, rounds); err != nil {
		return err
	}
	if err := b.small(ctx); err != nil {
		return err
	}
	b.report()
	return nil
}

func (b *benchmark) prepare(ctx context.Context) (err error) {
	fmt.Println("building hyaction")
	if err := errors.Join(
		b.command(ctx, "go", "run", "./testbed", "up", "engine"),
		b.command(ctx, "go", "build", "-ldflags", "-s -w", "-o", b.hyaction, "./cmd/hyaction"),
	); err != nil {
		return err
	}
	if err := b.plugin(); err != nil {
		return err
	}
	if b.tool, err = builder.Find(ctx, b.runner, builder.Search{Commands: builder.Candidates(os.Getenv("PATH"))}); err != nil {
		return err
	}
	help, err := b.runner.Run(ctx, run.Cmd{Name: b.hyaction, Args: []string{"build-push", "--help"}})
	b.reuses = strings.Contains(help.Stdout, "--always-build")
	return err
}

// build measures the ways in turns, so that what else the machine does meets all.
func (b *benchmark) build(ctx context.Context, repeat, rounds int) error {
	ways := b.ways()
	for i := range repeat {
		dirs := map[string]string{}
		for _, w := range ways {
			dir, err := b.fresh()
			if err != nil {
				return err
			}
			dirs[w.name] = dir
		}
		if err := b.turn(ctx, cold, ways, dirs); err != nil {
			return err
		}
		for range rounds {
			if err := errors.Join(b.turn(ctx, changed, ways, dirs), b.turn(ctx, cached, ways, dirs)); err != nil {
				return err
			}
		}
		if err := b.unchanged(ctx, dirs[ours]); err != nil {
			return err
		}
		fmt.Printf("%d of %d\n", i+1, repeat)
	}
	return nil
}

// turn measures one kind once by each way. Over the turns, each way follows each other
// as often: an engine is still busy with what it was told to do last.
func (b *benchmark) turn(ctx context.Context, kind string, ways []way, dirs map[string]string) error {
	all := orders(len(ways))
	order := all[b.turns%len(all)]
	b.turns++
	for _, k := range order {
		w := ways[k]
		if kind == changed {
			if err := source(dirs[w.name]); err != nil {
				return err
			}
		}
		if err := b.measure(kind, w.name, func() error { return w.do(ctx, dirs[w.name], b.tag()) }); err != nil {
			return err
		}
	}
	return nil
}

// unchanged measures what build-push makes of a context that it has built.
func (b *benchmark) unchanged(ctx context.Context, dir string) error {
	if !b.reuses {
		return nil
	}
	// Known to the registry by its content, and under no tag but that.
	if err := b.buildPush(ctx, dir, b.tag(), false); err != nil {
		return err
	}
	return b.measure("unchanged", ours, func() error { return b.buildPush(ctx, dir, b.tag(), false) })
}

// small measures what build-push adds: its start, and the question for the permission.
func (b *benchmark) small(ctx context.Context) error {
	repo, err := registry.ParseRepository("image", repository)
	if err != nil {
		return err
	}
	for range 10 {
		if err := errors.Join(
			b.measure("start", ours, func() error { return b.command(ctx, b.hyaction, "version") }),
			b.measure("permission", ours, func() error { return registry.Client{}.CheckPush(ctx, repo) }),
		); err != nil {
			return err
		}
	}
	return nil
}

func (b *benchmark) measure(kind, name string, do func() error) error {
	start := time.Now()
	if err := do(); err != nil {
		return fmt.Errorf("%s, %s: %w", kind, name, err)
	}
	key := kind + " " + name
	b.took[key] = append(b.took[key], time.Since(start))
	return nil
}

func (b *benchmark) docker(ctx context.Context, args ...string) error {
	env := []string(nil)
	if b.tool.Mode == builder.BuildKit {
		env = append(env, "DOCKER_BUILDKIT=1")
	}
	_, err := b.runner.Run(ctx, run.Cmd{Name: b.tool.CLI, Args: args, Env: env})
	return err
}

func (b *benchmark) command(ctx context.Context, name string, args ...string) error {
	_, err := b.runner.Run(ctx, run.Cmd{Name: name, Args: args})
	return err
}

// clean removes the images of this run from the engine; the registry is the bed's.
func (b *benchmark) clean(ctx context.Context) {
	images, err := b.runner.Run(ctx, run.Cmd{Name: b.tool.CLI, Args: []string{"images", "--quiet", repository}})
	if ids := strings.Fields(images.Stdout); err == nil && len(ids) > 0 {
		slices.Sort(ids)
		_ = b.docker(ctx, append([]string{"rmi", "--force"}, slices.Compact(ids)...)...)
	}
	dirs, _ := filepath.Glob(filepath.Join(b.out, "context-*")) // the pattern is a good one
	for _, dir := range dirs {
		_ = os.RemoveAll(dir)
	}
}
