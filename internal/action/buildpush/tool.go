package buildpush

import (
	"context"
	"fmt"

	"github.com/buenhyden/hy-home/internal/builder"
	"github.com/buenhyden/hy-home/internal/exit"
)

// findTool finds what builds, and whether it has a way for all that is asked for.
func (j *job) findTool(ctx context.Context) (string, error) {
	tool, err := builder.Find(ctx, j.o.Runner, builder.Search{Commands: j.o.Docker, Plugin: j.o.Plugin, Builder: j.o.Features.Builder, API: j.o.API})
	if err != nil {
		return "", err
	}
	j.res.Tool = tool
	if j.o.RewriteTimestamp && tool.Mode != builder.Buildx {
		return "", exit.BadInputf("input rewrite-timestamp needs buildx, which is not here: install Docker's buildx plugin, or leave the input out")
	}
	if err := tool.Suits(j.asks); err != nil {
		return "", err
	}
	if tool.Mode == builder.Engine {
		j.warn("no docker command found, so the engine's own classic builder is used: install docker and its buildx plugin for faster builds, mounts and secrets")
	}
	if tool.Mode == builder.Classic {
		j.warn(fmt.Sprintf("%s %s has no BuildKit, so the classic builder is used: install the buildx plugin for faster builds, mounts and secrets", tool.CLI, tool.Version))
	}
	j.o.Log.Debug("builder", "command", tool.CLI, "version", tool.Version, "engine", tool.Engine, "mode", tool.Mode)
	return tool.String(), nil
}
