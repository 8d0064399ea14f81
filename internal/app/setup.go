package app

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/buenhyden/hy-home/internal/spec"
	"github.com/buenhyden/hy-home/internal/version"
)

// setup puts the running binary's directory on the PATH of later steps.
func setup(_ context.Context, rt *Runtime, _ spec.Values) error {
	path, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the path of hyaction: %w", err)
	}
	rt.AddPath(filepath.Dir(path))
	rt.Output("version", version.Number())
	rt.Output("path", path)
	return nil
}
