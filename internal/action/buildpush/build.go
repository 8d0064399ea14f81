package buildpush

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/buenhyden/hy-home/internal/builder"
)

func (j *job) build(ctx context.Context) (string, error) {
	what := "building " + j.res.Refs()[0]
	if j.o.Push {
		what = "building and pushing " + j.res.Refs()[0]
	}
	j.o.Progress(fmt.Sprintf("%s from %s with %s", what, j.o.Context, j.res.Tool.Mode))
	o := j.order()
	o.Refs, o.Push, o.Log = j.res.Refs(), j.o.Push, io.MultiWriter(j.o.BuildLog, j.log)
	if j.o.Push && j.rewrites() {
		o.Outputs = []string{"type=image,rewrite-timestamp=true"}
	}
	img, err := builder.Build(ctx, j.o.Runner, j.res.Tool, o)
	if err != nil {
		return "", err
	}
	j.res.ImageID, j.res.Digest, j.res.Metadata, j.res.Built = img.ID, img.Digest, img.Metadata, true
	if !j.o.Push {
		return "built, not pushed", nil
	}
	return j.tags() + " pushed", nil
}

// tags says how many there are.
func (j *job) tags() string {
	if len(j.res.Tags) == 1 {
		return "1 tag"
	}
	return strconv.Itoa(len(j.res.Tags)) + " tags"
}

// order is what all builds of the run are told.
func (j *job) order() builder.Options {
	o := builder.Options{
		Context: j.o.Context, File: j.o.File, Target: j.o.Target, BuildArgs: j.o.BuildArgs, Labels: slices.Clone(j.res.Labels), Epoch: j.epoch(),
		Login:     builder.Login{Host: j.repo.Host(), Username: j.o.Credentials.Username, Password: j.o.Credentials.Password},
		ConfigDir: j.o.ConfigDir,
	}
	o.Annotations = j.res.Annotations
	if key := j.res.Content.Value; key != "" {
		o.Labels = append(o.Labels, contentLabel+"="+key)
		o.Pull = true // the key names the bases that the registry has, not those of the engine
	}
	return o
}

// rewrites reports whether the times of files are made the epoch too. Layers of the
// base image stay as they are.
func (j *job) rewrites() bool {
	return (j.o.RewriteTimestamp || j.o.VerifyReproducible && j.res.Tool.Mode == builder.Buildx) && j.epoch() != ""
}
