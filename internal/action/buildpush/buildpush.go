package buildpush

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/buenhyden/hy-home/internal/buildlog"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/registry"
)

// job is one run.
type job struct {
	o    Options
	repo registry.Repository
	res  Result
	made []string // what the rules of the tags warn of
	log  *buildlog.Log
}

// Run does it. Bad input is told before anything is built.
func Run(ctx context.Context, o Options) (Result, error) {
	j, err := newJob(o)
	if err != nil {
		return Result{}, err
	}
	always := func() bool { return true }
	build := "build and push"
	if !o.Push {
		build = "build"
	}
	for _, s := range []struct {
		name string
		when func() bool
		do   func(context.Context) (string, error)
	}{
		{"find a builder", always, j.findTool},
		{"choose the tags", always, j.chooseTags},
		{"look for the content", func() bool { return o.Push }, j.lookUp},
		{"put tags on it", j.reuses, j.retag},
		{"ask for permission", func() bool { return o.Push && !j.reuses() }, j.askPermission},
		{"build twice", func() bool { return o.VerifyReproducible && !j.reuses() }, j.buildTwice},
		{build, func() bool { return !j.reuses() }, j.build},
		{"verify the digest", func() bool { return o.Push && j.res.Built }, j.verify},
		{"remember the content", func() bool { return j.res.Content.Value != "" && j.res.Built }, j.remember},
	} {
		if !s.when() {
			continue
		}
		start := j.o.Now()
		detail, err := s.do(ctx)
		j.res.steps = append(j.res.steps, step{s.name, detail, err, start, j.o.Now()})
		j.res.log = j.log.Steps()
		if err != nil {
			return j.res, err
		}
	}
	return j.res, nil
}

// chooseTags applies the rules of tags, labels and annotations to the commit that is
// there.
func (j *job) chooseTags(ctx context.Context) (string, error) {
	j.res.Source = j.source(ctx)
	if err := j.makeTags(j.res.Source); err != nil {
		return "", err
	}
	j.res.Warnings = append(j.res.Warnings, j.made...)
	if len(j.res.Tags) == 0 {
		return "", exit.BadInputf("input tags makes no tag of event %q at %q: add a rule that always holds, such as type=sha", j.o.Event.Name, j.o.Event.Ref)
	}
	if err := j.makeLabels(j.res.Source, j.res.Tags[0]); err != nil {
		return "", err
	}
	return strings.Join(j.res.Tags, ", "), nil
}

func (j *job) askPermission(ctx context.Context) (string, error) {
	j.o.Progress("asking whether " + j.o.Image + " may be pushed")
	if err := j.o.Registry.CheckPush(ctx, j.repo); err != nil {
		return "", err
	}
	return "granted by " + j.repo.Host(), nil
}

// verify asks the registry for the digest: what it cannot answer with, no
// cluster can pull.
func (j *job) verify(ctx context.Context) (string, error) {
	digest := j.res.Digest
	m, err := j.o.Registry.Read(ctx, j.repo, digest)
	if err == nil {
		j.res.Manifest = m
		return "the registry has it: " + strings.Join(m.Platforms, ", "), nil
	}
	j.res.Digest = "" // nothing may be deployed by a name that does not resolve
	if errors.Is(err, registry.ErrNotFound) {
		return "", fmt.Errorf("%s was pushed, but registry %s has no manifest %s", j.o.Image, j.repo.Host(), digest)
	}
	return "", err
}
