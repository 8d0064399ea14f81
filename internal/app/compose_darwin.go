//go:build !cgo

package app

import (
	"context"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/docker"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/exit"
)

// composeDriver refuses. Compose's library watches files through C code on
// macOS (github.com/fsnotify/fsevents), and releases are built without C, so that
// anyone can build the same bytes. The platform itself needs Linux in any case.
func composeDriver(*docker.Engine) engine.Driver { return noCompose{} }

type noCompose struct{}

func (noCompose) Preflight(context.Context, []catalog.Component, engine.Env) error {
	return exit.BadInputf("this hyaction was built without Docker Compose: set the platform up on Linux, or build hyaction on macOS with CGO_ENABLED=1")
}

func (d noCompose) Apply(ctx context.Context, _ catalog.Component, env engine.Env) (engine.Outcome, error) {
	return "", d.Preflight(ctx, nil, env)
}

func (d noCompose) Remove(ctx context.Context, _ catalog.Component, env engine.Env) (engine.Outcome, error) {
	return "", d.Preflight(ctx, nil, env)
}

var _ engine.Preflighter = noCompose{}
