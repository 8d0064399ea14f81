package docker

import (
	"context"
	"fmt"
	"strings"
)

// Facts is what an engine tells of itself.
type Facts struct {
	CPUs   int
	Memory int64  // bytes, all of it
	Root   string // directory of its data
	Local  bool   // it runs on this machine: Root is a path here
}

// Facts asks the engine.
func (e *Engine) Facts(ctx context.Context) (Facts, error) {
	c, err := e.Client(ctx)
	if err != nil {
		return Facts{}, err
	}
	info, err := c.Info(ctx)
	if err != nil {
		return Facts{}, fmt.Errorf("ask the Docker engine about itself: %w", err)
	}
	return Facts{
		CPUs: info.NCPU, Memory: info.MemTotal, Root: info.DockerRootDir,
		Local: strings.HasPrefix(e.at, "unix://"),
	}, nil
}
