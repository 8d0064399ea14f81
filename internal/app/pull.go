package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/buenhyden/hy-home/internal/disk"
	"github.com/buenhyden/hy-home/internal/docker"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/pull"
	"github.com/buenhyden/hy-home/internal/registry"
)

// enginePull has the Docker engine pull images, as the user whom the inputs or
// else Docker's own configuration name.
func enginePull(e *docker.Engine) func(context.Context, pull.Request, func(string)) (bool, error) {
	return func(ctx context.Context, q pull.Request, progress func(string)) (bool, error) {
		login := docker.Login{Username: q.Username, Password: q.Password}
		if q.Username == "" {
			known, err := registry.Known(q.Ref)
			if err != nil {
				return false, err
			}
			login = docker.Login(known)
		}
		pulled, err := e.Pull(ctx, q.Ref, q.Digest, login, progress)
		if !errors.Is(err, docker.ErrNotInRegistry) {
			if err != nil && !disk.IsFull(err) {
				err = engine.Transient(err)
			}
			return pulled, err
		}
		if q.Digest == "" {
			return false, err
		}
		// A tag that was moved is the likely reason.
		images := registry.Images{Client: registry.Client{Credentials: registry.Credentials(login)}}
		if d, askErr := images.Describe(ctx, pull.Tag(q.Ref)); askErr == nil && d.Digest != q.Digest {
			err = fmt.Errorf("%w; its tag stands for %s now", err, d.Digest)
		}
		return false, fmt.Errorf("%w: image %s must have digest %s: %w", engine.ErrMismatch, q.Ref, q.Digest, err)
	}
}
