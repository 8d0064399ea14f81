package buildpush

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/buenhyden/hy-home/internal/builder"
	"github.com/buenhyden/hy-home/internal/imagediff"
)

// buildTwice builds the image two times from nothing, and holds one against the
// other. Nothing is pushed before they are the same; the build that follows takes
// what the second left in the cache.
func (j *job) buildTwice(ctx context.Context) (string, error) {
	dir, err := os.MkdirTemp("", "hyaction-reproduce-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	var archives [2]string
	for i := range archives {
		archives[i] = filepath.Join(dir, fmt.Sprintf("image-%d.tar", i+1))
		j.o.Progress(fmt.Sprintf("building without a cache, %d of 2, to compare", i+1))
		if err := j.archive(ctx, archives[i]); err != nil {
			return "", err
		}
	}
	difference, err := imagediff.Compare(archives[0], archives[1])
	if err != nil {
		return "", fmt.Errorf("compare two builds: %w", err)
	}
	if difference != "" {
		return "", fmt.Errorf("two builds of the same content make two images: %s", difference)
	}
	return "two builds made the same image", nil
}

func (j *job) archive(ctx context.Context, path string) error {
	o := j.order()
	// Attestations tell when a build ran, and a cache is left to the build that counts.
	o.Push, o.Load, o.NoCache, o.Outputs, o.CacheTo, o.Provenance, o.SBOM, o.Attests = false, false, true, nil, nil, "", "", nil
	if j.res.Tool.Mode == builder.Buildx {
		o.Outputs = []string{"type=oci,dest=" + path}
	}
	img, err := builder.Build(ctx, j.o.Runner, j.res.Tool, o)
	if err != nil || j.res.Tool.Mode == builder.Buildx {
		return err
	}
	return builder.Save(ctx, j.o.Runner, j.res.Tool, img.ID, path)
}
