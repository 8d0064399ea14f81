package buildpush

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/buenhyden/hy-home/internal/builder"
	"github.com/buenhyden/hy-home/internal/registry"
)

func (j *job) build(ctx context.Context) (string, error) {
	what := "building " + j.res.Refs()[0]
	if j.o.Push {
		what = "building and pushing " + j.res.Refs()[0]
	}
	j.o.Progress(fmt.Sprintf("%s from %s with %s", what, j.o.Context, j.res.Tool.Mode))
	o := j.order()
	o.Refs, o.Log = j.res.Refs(), io.MultiWriter(j.o.BuildLog, j.log)
	img, err := builder.Build(ctx, j.o.Runner, j.res.Tool, o)
	j.warn(img.Warnings...)
	if err != nil {
		return "", err
	}
	j.res.ImageID, j.res.Digest, j.res.Metadata, j.res.Built = img.ID, img.Digest, img.Metadata, true
	detail := "built, not pushed"
	if j.o.Push {
		detail = j.tags() + " pushed"
	}
	if o.ByDigest() {
		j.res.Tags, detail = nil, "pushed by digest alone"
	}
	if img.Made != "" {
		detail += ", in a builder made for " + img.Made
	}
	return detail, nil
}

// calls reports whether the Dockerfile is asked about, in place of a build.
func (j *job) calls() bool { return j.o.Features.Call != "" }

func (j *job) call(ctx context.Context) (string, error) {
	o := j.order()
	o.Log, o.Labels = io.MultiWriter(j.o.BuildLog, j.log), nil
	_, err := builder.Build(ctx, j.o.Runner, j.res.Tool, o)
	j.res.called = true
	return "see the log", err
}

// tags says how many there are.
func (j *job) tags() string {
	if len(j.res.Tags) == 1 {
		return "1 tag"
	}
	return strconv.Itoa(len(j.res.Tags)) + " tags"
}

// order is the build as the builder is told it, as far as it is known by now.
func (j *job) order() builder.Options {
	o := builder.Options{
		Context: j.o.Context, File: j.o.File, Target: j.o.Target, BuildArgs: j.o.BuildArgs,
		Labels: slices.Clone(j.res.Labels), Annotations: j.res.Annotations,
		Push: j.o.Push, Features: j.o.Features, Epoch: j.epoch(), RewriteTimes: j.rewrites(),
		Login: j.login(), ConfigDir: j.o.ConfigDir, Known: known, Log: j.o.BuildLog,
	}
	if key := j.res.Content.Value; key != "" {
		o.Labels = append(o.Labels, contentLabel+"="+key)
		o.Pull = o.Pull || !j.held // the key names the bases that the registry has
	}
	return o
}

// rewrites reports whether the times of files are made the epoch too. Layers of the
// base image stay as they are.
func (j *job) rewrites() bool {
	return (j.o.RewriteTimestamp || j.o.VerifyReproducible && j.res.Tool.Mode == builder.Buildx) && j.epoch() != ""
}

// login is the one of this run alone.
func (j *job) login() builder.Login {
	return builder.Login{Host: j.repo.Host(), Username: j.o.Credentials.Username, Password: j.o.Credentials.Password}
}

// known asks Docker's configuration, where no docker command does.
func known(ref string) (builder.Login, error) {
	c, err := registry.Known(ref)
	if err != nil {
		return builder.Login{}, err
	}
	host, _, _ := strings.Cut(ref, "/")
	return builder.Login{Host: host, Username: c.Username, Password: c.Password}, nil
}
