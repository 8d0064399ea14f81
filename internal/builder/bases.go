package builder

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Holds reports whether the engine that builds has images for its own platform, each
// under its digest: no registry needs to be asked for them again then.
func (t Tool) Holds(ctx context.Context, digests map[string]string) bool {
	if t.api == nil {
		return false
	}
	c, err := t.api.Client(ctx)
	if err != nil {
		return false
	}
	var missing atomic.Bool
	var asked sync.WaitGroup
	for name, digest := range digests {
		asked.Go(func() {
			image, err := c.ImageInspect(ctx, name)
			has := err == nil && t.Platform == image.Os+"/"+image.Architecture &&
				slices.ContainsFunc(image.RepoDigests, func(d string) bool { return strings.HasSuffix(d, "@"+digest) })
			if !has {
				missing.Store(true)
			}
		})
	}
	asked.Wait()
	return !missing.Load()
}
