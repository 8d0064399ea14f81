package buildpush

import (
	"context"
	"strings"

	"github.com/buenhyden/hy-home/internal/buildlog"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/registry"
	"github.com/buenhyden/hy-home/internal/signature"
)

// job is one run.
type job struct {
	o    Options
	repo registry.Repository
	res  Result
	made []string // what the rules of the tags warn of
	log  *buildlog.Log

	parts  []registry.Part // to be merged
	want   expected
	signer *signature.Signer
}

// Run does it. Bad input is told before anything is built.
func Run(ctx context.Context, o Options) (Result, error) {
	j, err := newJob(o)
	if err != nil {
		return Result{}, err
	}
	always := func() bool { return true }
	push := func() bool { return o.Push }
	sign := func() bool { return o.Sign != nil }
	builds := func() bool { return !j.merges() && !j.reuses() }
	build := "build and push"
	if !o.Push {
		build = "build"
	}
	for _, s := range []struct {
		name string
		when func() bool
		do   func(context.Context) (string, error)
	}{
		{"find a builder", builds, j.findTool},
		{"choose the tags", always, j.chooseTags},
		{"find a signer", sign, j.findSigner},
		{"look for the content", func() bool { return o.Push && builds() }, j.lookUp},
		{"put tags on it", j.reuses, j.retag},
		{"ask for permission", func() bool { return o.Push && !j.reuses() }, j.askPermission},
		{"merge", j.merges, j.merge},
		{"build twice", func() bool { return o.VerifyReproducible && builds() }, j.buildTwice},
		{build, builds, j.build},
		{"verify", push, j.verify},
		{"remember the content", func() bool { return j.res.Content.Value != "" && j.res.Built }, j.remember},
		{"sign", sign, j.sign},
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
