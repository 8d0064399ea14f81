// Package buildpush builds an image from a Dockerfile and pushes it. Whether the
// push is allowed is found out before anything is built, and what comes out is
// the digest that the registry itself answers with.
package buildpush

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/buenhyden/hy-home/internal/builder"
	"github.com/buenhyden/hy-home/internal/docker"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/imagetag"
	"github.com/buenhyden/hy-home/internal/registry"
	"github.com/buenhyden/hy-home/internal/run"
)

// Options say what to build and where it goes.
type Options struct {
	Image       string         // repository without a tag
	Tags        []string       // rules of [imagetag]; none: the commit's full SHA, or "latest" outside of a repository
	Flavor      []string       // of the tags
	Event       imagetag.Event // what happened; SHA, CommitDate and Now are filled in
	Context     string         // directory, or URL of a Git repository or an archive
	File        string         // Dockerfile; "" is Dockerfile in the context
	Target      string         // stage; "" is the last
	BuildArgs   []string       // NAME=value, no secrets
	Labels      []string       // name=value; they win over those made from the commit
	Features    builder.Features
	Push        bool
	Credentials registry.Credentials // zero: what Docker's configuration holds
	SourceURL   string               // of the repository, for the label; "" is the remote origin's

	Docker    []string       // docker commands to choose from; see [builder.Candidates]
	API       *docker.Engine // used when there is none; nil is none
	ConfigDir string         // Docker's configuration, kept beside Credentials; "" is none
	Runner    run.Runner
	Registry  Registry         // nil: the one that Image names, with Credentials
	Progress  func(string)     // may be nil
	BuildLog  io.Writer        // what the tools print, foreign text; may be nil
	Log       *slog.Logger     // may be nil
	Now       func() time.Time // for tests; nil is time.Now
}

// Registry is what is asked of the registry.
type Registry interface {
	CheckPush(context.Context, registry.Repository) error
	Digest(ctx context.Context, r registry.Repository, tagOrDigest string) (string, error)
}

// Result is what was built. It is filled as far as the run came, also beside an
// error.
type Result struct {
	Image    string   // the repository
	Tags     []string // the version first
	Digest   string   // of the manifest in the registry; "" when not pushed
	ImageID  string   // the engine's own
	Metadata []byte   // what buildx tells of the build, JSON; nil of other builders
	Source   Source
	Tool     builder.Tool
	Warnings []string
	steps    []step
}

// Ref is the image by its first tag and digest: the tag is for people, the
// digest is what counts. It is "" when the image was not pushed.
func (r Result) Ref() string {
	if r.Digest == "" {
		return ""
	}
	if len(r.Tags) == 0 {
		return r.Image + "@" + r.Digest // an output pushed by digest alone
	}
	return r.Image + ":" + r.Tags[0] + "@" + r.Digest
}

// Refs are the references by tag.
func (r Result) Refs() []string {
	refs := make([]string, len(r.Tags))
	for i, tag := range r.Tags {
		refs[i] = r.Image + ":" + tag
	}
	return refs
}

// job is one run.
type job struct {
	o    Options
	repo registry.Repository
	res  Result
	made []string // what the rules of the tags warn of
}

// Run does it. Bad input is told before anything is built.
func Run(ctx context.Context, o Options) (Result, error) {
	j, err := newJob(o)
	if err != nil {
		return Result{}, err
	}
	for _, s := range []struct {
		name string
		skip bool
		do   func(context.Context) (string, error)
	}{
		{"find a builder", false, j.findTool},
		{"ask for permission", !o.Push, j.askPermission},
		{"build", o.Push, j.build},
		{"build and push", !o.Push, j.build},
		{"verify the digest", !o.Push, j.verify},
	} {
		if s.skip {
			continue
		}
		start := j.o.Now()
		detail, err := s.do(ctx)
		j.res.steps = append(j.res.steps, step{s.name, detail, err, start, j.o.Now()})
		if err != nil {
			return j.res, err
		}
	}
	return j.res, nil
}

// newJob checks everything that can be judged without asking anybody.
func newJob(o Options) (*job, error) {
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	repo, err := registry.ParseRepository("image", o.Image)
	if err != nil {
		return nil, err
	}
	o.Tags = slices.Clone(o.Tags)
	for i, rule := range o.Tags {
		// docker/build-push-action takes whole references.
		o.Tags[i] = strings.TrimPrefix(rule, o.Image+":")
	}
	o.Event.Now = o.Now()
	j := &job{o: o, repo: repo, res: Result{Image: o.Image}}
	// Once without the commit, so that a wrong rule is told before anybody is asked.
	if err := j.makeTags(Source{}); err != nil {
		return nil, err
	}
	if (o.Credentials.Username == "") != (o.Credentials.Password == "") {
		return nil, exit.BadInputf("inputs username and password belong together: give both, or neither to use Docker's configuration")
	}
	if err := checkBuild(j.order()); err != nil {
		return nil, err
	}
	if o.Registry == nil {
		o.Registry = registry.Client{Credentials: o.Credentials}
	}
	j.o = o
	return j, nil
}

// makeTags applies the rules to the event and to the commit that is built.
func (j *job) makeTags(s Source) error {
	if len(j.o.Tags) == 0 {
		j.res.Tags = []string{s.tag()}
		return nil
	}
	e := j.o.Event
	if sha, _, _ := strings.Cut(s.Revision, "-"); sha != "" {
		e.SHA = sha
	}
	e.CommitDate = s.Created
	made, err := imagetag.Make(j.o.Tags, j.o.Flavor, e)
	if err != nil {
		return exit.BadInputf("input tags: %v", err)
	}
	for _, tag := range made.All {
		if err := registry.CheckTag("tags", tag); err != nil {
			return err
		}
	}
	j.res.Tags, j.made = made.All, made.Warnings
	return nil
}

func (j *job) findTool(ctx context.Context) (string, error) {
	tool, err := builder.Find(ctx, j.o.Runner, builder.Search{Commands: j.o.Docker, Builder: j.o.Features.Builder, API: j.o.API})
	if err != nil {
		return "", err
	}
	if err := tool.Suits(j.order()); err != nil {
		return "", err
	}
	j.res.Tool = tool
	if tool.Mode == builder.Engine {
		j.res.Warnings = append(j.res.Warnings, "no docker command found, so the engine's own classic builder is used: install docker and its buildx plugin for faster builds, mounts and secrets")
	}
	if tool.Mode == builder.Classic {
		j.res.Warnings = append(j.res.Warnings, fmt.Sprintf("%s %s has no BuildKit, so the classic builder is used: install the buildx plugin for faster builds, mounts and secrets", tool.CLI, tool.Version))
	}
	j.res.Source = j.source(ctx)
	if err := j.makeTags(j.res.Source); err != nil {
		return "", err
	}
	j.res.Warnings = append(j.res.Warnings, j.made...)
	if len(j.res.Tags) == 0 {
		return "", exit.BadInputf("input tags makes no tag of event %q at %q: add a rule that always holds, such as type=sha", j.o.Event.Name, j.o.Event.Ref)
	}
	j.o.Log.Debug("builder", "command", tool.CLI, "version", tool.Version, "engine", tool.Engine, "mode", tool.Mode)
	return tool.String(), nil
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
	_, err := j.o.Registry.Digest(ctx, j.repo, digest)
	if err == nil {
		return "the registry has it", nil
	}
	j.res.Digest = "" // nothing may be deployed by a name that does not resolve
	if errors.Is(err, registry.ErrNotFound) {
		return "", fmt.Errorf("%s was pushed, but registry %s has no manifest %s", j.o.Image, j.repo.Host(), digest)
	}
	return "", err
}
