package buildpush

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/distribution/reference"

	"github.com/buenhyden/hy-home/internal/builder"
	"github.com/buenhyden/hy-home/internal/contentkey"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/registry"
)

// contentLabel is the label of an image that holds the key of its content.
const contentLabel = "io.github.buenhyden.hyaction.content"

// An image carries the key of its content as a label and as a tag. The tag finds
// it; the label proves that nobody has put the tag on something else since. Two
// jobs that race both build and both put the tag: either image is right. What is built
// in any case takes the tag over, so that the next run finds the newer image.

// reuses reports whether the registry has the image already.
func (j *job) reuses() bool { return j.found.Digest != "" }

// lookLimit is how long is looked: longer than a slow registry takes, and no longer
// than what may be saved.
const lookLimit = 15 * time.Second

// lookUp looks for the content, and where it is to be built, for what it is built on.
func (j *job) lookUp(ctx context.Context) (string, error) {
	likely := j.res.Tool.Platform
	detail, err := j.find(ctx)
	if j.reuses() {
		switch unsure := j.makeSure(ctx); {
		case unsure == nil:
		case j.res.Tool.Platform != likely:
			j.found = registry.Manifest{}
			detail, err = j.find(ctx)
		default:
			j.found = registry.Manifest{}
			return "cannot be told: " + unsure.Error(), context.Cause(ctx)
		}
	}
	if key := j.res.Content; key.Value != "" && !j.reuses() && len(j.o.Features.Platforms) == 0 {
		bases := map[string]string{}
		for _, b := range key.Bases {
			bases[b.Ref] = b.Digest
		}
		j.held = j.res.Tool.Holds(ctx, bases)
	}
	return detail, err
}

// makeSure takes in what the engine says of itself. An error is that it is not what it
// was taken for, or does not say.
func (j *job) makeSure(ctx context.Context) error {
	tool, err := j.res.Tool.Sure(ctx)
	if err == nil && tool.Platform != j.res.Tool.Platform {
		err = fmt.Errorf("the engine builds for %s and not for %s", tool.Platform, j.res.Tool.Platform)
	}
	j.res.Tool = tool
	return err
}

// find makes the key of the content and looks for an image that carries it. Faults
// end nothing: what cannot be found is built.
func (j *job) find(ctx context.Context) (string, error) {
	looking, cancel := context.WithTimeoutCause(ctx, lookLimit, fmt.Errorf("not found out within %s", lookLimit))
	defer cancel()
	key, err := j.key(looking)
	if errors.Is(err, contentkey.ErrNoStage) {
		return "", exit.BadInputf("input target is %q: %w", j.o.Target, err)
	}
	if err != nil {
		j.res.NoKey = err.Error()
		j.o.Progress("this content has no key, so it is built: " + j.res.NoKey)
		return "no key: " + j.res.NoKey, context.Cause(ctx)
	}
	j.res.Content = key
	if input := j.insists(); input != "" {
		return "built in any case, as input " + input + " has it", nil
	}
	m, err := j.o.Registry.Read(looking, j.repo, key.Tag())
	switch {
	case errors.Is(err, registry.ErrNotFound):
		return "not in the registry", nil
	case err != nil:
		j.o.Log.Debug("look for the content", "tag", key.Tag(), "fault", err)
		return "cannot be asked for: " + err.Error(), context.Cause(ctx)
	case m.Labels[contentLabel] != key.Value:
		return "the tag " + key.Tag() + " is on something else", nil
	case !key.Fits(m.Platforms):
		return "the registry has it for " + strings.Join(m.Platforms, ", ") + " alone", nil
	}
	j.found = m
	return "the registry has it", nil
}

func (j *job) retag(ctx context.Context) (string, error) {
	j.o.Progress(fmt.Sprintf("not building: %s has this content, as %s", j.repo, j.found.Digest))
	if err := j.o.Registry.Tag(ctx, j.repo, j.found, j.res.Tags); err != nil {
		return "", err
	}
	j.res.Digest, j.res.Manifest = j.found.Digest, j.found
	return j.tags() + " put on it", nil
}

// lookAgain finds out whether the content is still what it was: a base image may have
// moved during the build, or a file.
func (j *job) lookAgain(ctx context.Context) (string, error) {
	var err error
	if len(j.o.Features.Platforms) > 0 { // else the image tells, see remember
		err = j.makeSure(ctx)
	}
	if err == nil {
		var now contentkey.Key
		if now, err = j.key(ctx); err == nil && now.Value != j.res.Content.Value {
			err = errors.New("a file or a base image has changed during the build")
		}
	}
	if j.moved = err; err != nil {
		return err.Error(), context.Cause(ctx)
	}
	return "unchanged", nil
}

// remember puts the tag of the content on what was built, if it is still that.
func (j *job) remember(ctx context.Context) (string, error) {
	err := j.moved
	if err == nil && !j.res.Content.Fits(j.res.Manifest.Platforms) {
		err = fmt.Errorf("it is for %s, which the engine was not taken for", strings.Join(j.res.Manifest.Platforms, ", "))
	}
	if err == nil {
		err = j.o.Registry.Tag(ctx, j.repo, j.res.Manifest, []string{j.res.Content.Tag()})
	}
	if err != nil {
		return "not remembered: " + err.Error(), context.Cause(ctx)
	}
	return j.res.Content.Tag(), nil
}

func (j *job) key(ctx context.Context) (contentkey.Key, error) {
	switch {
	case builder.IsRemote(j.o.Context):
		return contentkey.Key{}, errors.New("the builder fetches the context by itself")
	case len(j.o.Features.BuildContexts) > 0:
		return contentkey.Key{}, errors.New("what input build-contexts brings is not looked into")
	}
	in := contentkey.Inputs{
		Context: j.o.Context, File: j.o.File, Dockerfile: j.o.Features.Dockerfile, Target: j.o.Target, BuildArgs: j.o.BuildArgs,
		Labels: j.res.Labels, Platforms: j.o.Features.Platforms, BuildPlatform: j.res.Tool.Platform, Settings: j.settings(), Digest: j.o.Base,
	}
	for _, s := range j.o.Features.Secrets {
		in.Secrets = append(in.Secrets, s.ID)
	}
	if in.Digest == nil {
		in.Digest = j.baseDigest
	}
	return contentkey.Make(ctx, in)
}

// settings are the inputs that change what comes out beside those that a key knows
// itself.
func (j *job) settings() []string {
	f := j.o.Features
	out := []string{"rewrite-timestamp=" + strconv.FormatBool(j.rewrites())}
	for name, values := range map[string][]string{
		"network": {f.Network}, "add-host": f.AddHosts, "shm-size": {f.ShmSize}, "ulimit": f.Ulimits, "allow": f.Allow,
		"provenance": {f.Provenance}, "sbom": {f.SBOM}, "attest": f.Attests, "output": f.Outputs,
	} {
		for _, v := range values {
			if v != "" {
				out = append(out, name+"="+v)
			}
		}
	}
	for _, s := range f.SSH {
		id, _, _ := strings.Cut(s, "=")
		out = append(out, "ssh="+id)
	}
	for _, a := range j.res.Annotations {
		// Those of the specification tell where an image comes from, as labels do.
		if !strings.Contains(a, "org.opencontainers.image.") {
			out = append(out, "annotation="+a)
		}
	}
	return out
}

// insists names the input that asks for a build in any case; "" if none does.
func (j *job) insists() string {
	f := j.o.Features
	switch {
	case j.o.AlwaysBuild:
		return "always-build"
	case f.NoCache:
		return "no-cache"
	case len(f.NoCacheFilters) > 0:
		return "no-cache-filters"
	case f.Load:
		return "load"
	case j.order().Elsewhere():
		return "outputs"
	}
	return ""
}

// baseDigest asks a base image's registry. The credentials of the run are for the
// registry that is pushed to, and shown to no other.
func (j *job) baseDigest(ctx context.Context, ref string) (string, error) {
	named, err := reference.ParseDockerRef(ref)
	if err != nil {
		return "", err
	}
	tagged, ok := named.(reference.Tagged)
	if !ok {
		return "", fmt.Errorf("%s has no tag", ref)
	}
	repo, err := registry.ParseRepository("base image", named.Name())
	if err != nil {
		return "", err
	}
	client := registry.Client{Logins: j.o.logins}
	if repo.Host() == j.repo.Host() {
		client.Credentials = j.o.Credentials
	}
	return client.Digest(ctx, repo, tagged.Tag())
}
