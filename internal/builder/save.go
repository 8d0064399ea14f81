package builder

import (
	"context"

	"github.com/buenhyden/hy-home/internal/run"
)

// Save writes an image of the engine into an archive.
func Save(ctx context.Context, runner run.Runner, t Tool, id, path string) error {
	res, err := runner.Run(ctx, run.Cmd{Name: t.CLI, Args: []string{"save", "--output=" + path, "--", id}})
	if err != nil {
		return fault(ctx, "save image "+id, res, err)
	}
	return nil
}
