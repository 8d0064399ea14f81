package app

import (
	"context"
	"os"

	nodes "github.com/buenhyden/hy-home/internal/bridge"
	"github.com/buenhyden/hy-home/internal/docker"
	"github.com/buenhyden/hy-home/internal/driver/bridge"
	"github.com/buenhyden/hy-home/internal/driver/cache"
	"github.com/buenhyden/hy-home/internal/driver/cluster"
	"github.com/buenhyden/hy-home/internal/driver/credentials"
	"github.com/buenhyden/hy-home/internal/driver/endpoints"
	"github.com/buenhyden/hy-home/internal/driver/existing"
	"github.com/buenhyden/hy-home/internal/driver/external"
	"github.com/buenhyden/hy-home/internal/driver/helm"
	"github.com/buenhyden/hy-home/internal/driver/manifest"
	"github.com/buenhyden/hy-home/internal/driver/network"
	"github.com/buenhyden/hy-home/internal/driver/proof"
	"github.com/buenhyden/hy-home/internal/driver/provision"
	"github.com/buenhyden/hy-home/internal/driver/registry"
	"github.com/buenhyden/hy-home/internal/engine"
)

// drivers is the list of everything that can bring a component up and down, by
// the name a component.yaml calls it. None of them connects to anything before
// it is used.
func drivers(docker *docker.Engine) map[string]engine.Driver {
	return map[string]engine.Driver{
		"network":     network.New(docker),
		"compose":     composeDriver(docker),
		"cluster":     cluster.Driver{Docker: docker.Client},
		"cache":       cache.New(docker),
		"registry":    registry.New(docker),
		"bridge":      bridge.Driver{Docker: docker.Client},
		"endpoints":   endpoints.Driver{Docker: engineOf(docker)},
		"external":    external.Driver{},
		"existing":    existing.Driver{},
		"helm":        helm.Driver{},
		"manifest":    manifest.Driver{},
		"credentials": credentials.Driver{},
		"provision":   provision.Driver{Docker: engineOf(docker)},
		"proof":       &proof.Driver{Docker: engineOf(docker), Program: os.Executable},
	}
}

// engineOf gives the engine to drivers that know of it only what the bridge asks.
func engineOf(docker *docker.Engine) func(context.Context) (nodes.Docker, error) {
	return func(ctx context.Context) (nodes.Docker, error) { return docker.Client(ctx) }
}
