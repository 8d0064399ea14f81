package buildpush

import (
	"context"
	"strings"
	"sync"

	"github.com/buenhyden/hy-home/internal/builder"
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

	warning sync.Mutex      // of res.Warnings
	asks    builder.Options // what is asked of a builder, before the commit is known
	made    []string        // what the rules of the tags warn of
	log     *buildlog.Log

	parts  []registry.Part   // to be merged
	found  registry.Manifest // the image of this content that the registry has; zero is none
	held   bool              // the engine has the base images that the key names
	want   expected
	signer *signature.Signer
	moved  error // the content is no more what it was before the build, or nobody can tell
}

// Run does it. Bad input is told before anything is built.
func Run(ctx context.Context, o Options) (Result, error) {
	j, err := newJob(o)
	if err != nil {
		return Result{}, err
	}
	makes := func() bool { return !j.calls() }
	push := func() bool { return j.o.Push }
	sign := func() bool { return o.Sign != nil }
	builds := func() bool { return !j.merges() && !j.reuses() && !j.calls() }
	looks := func() bool { return o.Push && builds() }
	remembers := func() bool { return j.res.Content.Value != "" && j.res.Built }
	build := "build and push"
	if !o.Push {
		build = "build"
	}
	questions := []part{
		{name: "find a builder", when: func() bool { return !j.merges() }, do: j.findTool},
		{name: "choose the tags", when: makes, do: j.chooseTags},
		{name: "find a signer", when: sign, do: j.findSigner},
		{name: "ask for permission", when: push, do: j.askPermission},
		// It reads alone, so it need not wait for the permission.
		{name: "look for the content", when: looks, do: j.lookUp, after: []string{"find a builder", "choose the tags"}, idle: true},
	}
	asked := names(questions)
	err = j.run(ctx, append(questions, []part{
		{name: o.Features.Call, when: j.calls, do: j.call, after: asked},
		{name: "put tags on it", when: j.reuses, do: j.retag, after: asked},
		{name: "merge", when: j.merges, do: j.merge, after: asked},
		{name: "build twice", when: func() bool { return o.VerifyReproducible && builds() }, do: j.buildTwice, after: asked},
		{name: build, when: builds, do: j.build, after: []string{"build twice"}},
		{name: "verify", when: push, do: j.verify, after: []string{"put tags on it", "merge", build}},
		{name: "look at the content again", when: remembers, do: j.lookAgain, after: []string{build}, idle: true},
		{name: "remember the content", when: remembers, do: j.remember, after: []string{"verify", "look at the content again"}},
		{name: "sign", when: sign, do: j.sign, after: []string{"remember the content"}},
	}...))
	j.o.logins.Wait()
	return j.res, err
}

// warn may be called by parts that are done at once.
func (j *job) warn(texts ...string) {
	j.warning.Lock()
	defer j.warning.Unlock()
	j.res.Warnings = append(j.res.Warnings, texts...)
}

// chooseTags applies the rules of tags, labels and annotations to the commit that is
// there.
func (j *job) chooseTags(ctx context.Context) (string, error) {
	j.res.Source = j.source(ctx)
	if err := j.makeTags(j.res.Source); err != nil {
		return "", err
	}
	j.warn(j.made...)
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
		return "", j.o.ofFork(err)
	}
	return "granted by " + j.repo.Host(), nil
}
