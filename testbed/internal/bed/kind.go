package bed

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/run"
	"github.com/buenhyden/hy-home/testbed/internal/host"
	"github.com/buenhyden/hy-home/testbed/internal/node"
)

func (b *Bed) hyaction() string { return filepath.Join(b.BinDir(), "hyaction") }

func (b *Bed) buildHyaction(ctx context.Context, progress func(string)) (engine.Outcome, error) {
	before, _ := os.Stat(b.hyaction())
	_, err := b.runner.Run(ctx, run.Cmd{
		Name: "go", Dir: b.root, Args: []string{"build", "-trimpath", "-o", b.hyaction(), "./cmd/hyaction"}, Env: []string{"CGO_ENABLED=0"},
	})
	if err != nil {
		return "", err
	}
	if after, err := os.Stat(b.hyaction()); err == nil && before != nil && after.ModTime().Equal(before.ModTime()) {
		return engine.Unchanged, nil
	}
	return engine.Created, nil
}

// setupPlatform makes the cluster by the command under test itself: there is one
// way to make one.
func (b *Bed) setupPlatform(ctx context.Context, progress func(string)) (engine.Outcome, error) {
	progress("hyaction setup-platform, profile bare")
	// Without GITHUB_ACTIONS the outputs are printed: they are not those of the job
	// in which this may run.
	env := []string{"GITHUB_ACTIONS=", "INPUT_PROFILE=bare", "INPUT_NAME=" + Platform}
	if !b.upstream {
		env = append(env, "INPUT_NODE_IMAGE="+node.Name, "INPUT_REGISTRY_MIRROR="+host.Mirror)
	}
	res, err := b.runner.Run(ctx, run.Cmd{Name: b.hyaction(), Args: []string{"setup-platform"}, Env: env, Stdout: lines(progress)})
	if err != nil {
		return "", err
	}
	if strings.Contains(res.Stdout, "changed=false") {
		return engine.Unchanged, nil
	}
	return engine.Created, nil
}

// lines is a writer that hands on each whole line.
type lines func(string)

func (l lines) Write(p []byte) (int, error) {
	for line := range strings.Lines(string(p)) {
		if line = strings.TrimSpace(line); line != "" {
			l(line)
		}
	}
	return len(p), nil
}
