//go:build !darwin || cgo

package app

import (
	"github.com/buenhyden/hy-home/internal/docker"
	"github.com/buenhyden/hy-home/internal/driver/compose"
	"github.com/buenhyden/hy-home/internal/engine"
)

func composeDriver(docker *docker.Engine) engine.Driver { return compose.New(docker) }
