package buildpush

import (
	"context"
	"fmt"
	"strings"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/registry"
)

// merges reports whether images that are there become one index, in place of a build.
func (j *job) merges() bool { return len(j.o.Merge) > 0 }

func (j *job) checkMerge() (err error) {
	if !j.o.Push {
		return exit.BadInputf("input merge makes an index in the registry: leave it out with push: false")
	}
	if len(j.res.Annotations) > 0 {
		return exit.BadInputf("inputs annotations and annotation-levels are for what is built: leave them out with merge")
	}
	j.parts, err = registry.ParseParts("merge", j.repo, j.o.Merge)
	return err
}

func (j *job) merge(ctx context.Context) (string, error) {
	j.o.Progress(fmt.Sprintf("merging %d images into %s", len(j.parts), j.res.Refs()[0]))
	digest, platforms, err := j.o.Registry.Merge(ctx, j.repo, j.parts, j.res.Tags)
	if err != nil {
		return "", err
	}
	j.res.Digest, j.res.Merged, j.want.platforms = digest, j.o.Merge, platforms
	return strings.Join(platforms, ", "), nil
}
