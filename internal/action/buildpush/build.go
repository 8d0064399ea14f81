package buildpush

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/buenhyden/hy-home/internal/builder"
	"github.com/buenhyden/hy-home/internal/registry"
)

// checkBuild judges all that can be judged of a build without a builder.
func checkBuild(o builder.Options) error {
	if err := o.CheckContext(); err != nil {
		return err
	}
	return o.Check()
}

// order is the build as the builder is told it, as far as it is known by now.
func (j *job) order() builder.Options {
	return builder.Options{
		Context: j.o.Context, File: j.o.File, Target: j.o.Target, BuildArgs: j.o.BuildArgs, Labels: j.o.Labels,
		Push: j.o.Push, Features: j.o.Features,
		Login:     builder.Login{Host: j.repo.Host(), Username: j.o.Credentials.Username, Password: j.o.Credentials.Password},
		ConfigDir: j.o.ConfigDir, Log: j.o.BuildLog, Known: known,
	}
}

// source is what is known of where the context comes from: its commit, or the address
// by which the builder fetches it.
func (j *job) source(ctx context.Context) Source {
	if !builder.IsRemote(j.o.Context) {
		return readSource(ctx, j.o.Runner, j.o.Context, j.o.SourceURL)
	}
	repository, ref := builder.GitRepository(j.o.Context)
	s := Source{URL: repository}
	if commit.MatchString(ref) {
		s.Revision = ref
	}
	return s
}

var commit = regexp.MustCompile(`^[0-9a-f]{40}$`)

// known asks Docker's configuration, where no docker command does.
func known(ref string) (builder.Login, error) {
	c, err := registry.Known(ref)
	if err != nil {
		return builder.Login{}, err
	}
	host, _, _ := strings.Cut(ref, "/")
	return builder.Login{Host: host, Username: c.Username, Password: c.Password}, nil
}

func (j *job) build(ctx context.Context) (string, error) {
	what := "building " + j.res.Refs()[0]
	if j.o.Push {
		what = "building and pushing " + j.res.Refs()[0]
	}
	j.o.Progress(fmt.Sprintf("%s from %s with %s", what, j.o.Context, j.res.Tool.Mode))
	o := j.order()
	o.Labels = mergeLabels(j.res.Source.labels(j.res.Tags[0]), j.o.Labels)
	o.Refs, o.Epoch = j.res.Refs(), j.res.Source.epoch()
	img, err := builder.Build(ctx, j.o.Runner, j.res.Tool, o)
	j.res.Warnings = append(j.res.Warnings, img.Warnings...)
	if err != nil {
		return "", err
	}
	j.res.ImageID, j.res.Digest, j.res.Metadata = img.ID, img.Digest, img.Metadata
	detail := "built, not pushed"
	if j.o.Push {
		detail = strconv.Itoa(len(j.res.Tags)) + " tags pushed"
	}
	if o.ByDigest() {
		j.res.Tags, detail = nil, "pushed by digest alone"
	}
	if img.Made != "" {
		detail += ", in a builder made for " + img.Made
	}
	return detail, nil
}
