package builder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/buenhyden/hy-home/internal/run"
)

// Save writes an image of the engine into an archive.
func Save(ctx context.Context, runner run.Runner, t Tool, id, path string) error {
	if t.Mode == Engine {
		if err := saveByAPI(ctx, t, id, path); err != nil {
			return fmt.Errorf("save image %s: %w", id, ended(ctx, err))
		}
		return nil
	}
	res, err := runner.Run(ctx, run.Cmd{Name: t.CLI, Args: []string{"save", "--output=" + path, "--", id}})
	if err != nil {
		return fault(ctx, "save image "+id, res, err)
	}
	return nil
}

func saveByAPI(ctx context.Context, t Tool, id, path string) error {
	c, err := t.api.Client(ctx)
	if err != nil {
		return err
	}
	saved, err := c.ImageSave(ctx, []string{id})
	if err != nil {
		return err
	}
	defer saved.Close()
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, saved)
	return errors.Join(err, f.Close())
}
