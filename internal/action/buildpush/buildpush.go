// Package buildpush builds an image from a Dockerfile and pushes it. Whether the
// push is allowed is found out before anything is built, and what comes out is
// the digest that the registry itself answers with.
package buildpush

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/buenhyden/hy-home/internal/builder"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/imagetag"
	"github.com/buenhyden/hy-home/internal/registry"
	"github.com/buenhyden/hy-home/internal/run"
	"github.com/buenhyden/hy-home/internal/signature"
)

// Options say what to build and where it goes.
type Options struct {
	Image       string         // repository without a tag
	Tags        []string       // rules of [imagetag]; none: the commit's full SHA, or "latest" outside of a repository
	Flavor      []string       // of the tags
	Event       imagetag.Event // what happened; SHA, CommitDate and Now are filled in
	Context     string         // directory
	File        string         // Dockerfile; "" is Dockerfile in the context
	Target      string         // stage; "" is the last
	BuildArgs   []string       // NAME=value, no secrets
	Labels      []string       // name=value; they win over those made from the commit
	Push        bool
	Credentials registry.Credentials // zero: what Docker's configuration holds
	SourceURL   string               // of the repository, for the label; "" is the remote origin's
	Merge       []string             // images that are there, by digest or reference, to become one index: nothing is built
	Sign        *signature.Options   // who signs; nil is nobody

	Docker    []string // docker commands to choose from; see [builder.Candidates]
	ConfigDir string   // Docker's configuration, kept beside Credentials; "" is none
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
	Attestations(ctx context.Context, r registry.Repository, tagOrDigest string) ([]registry.Attested, error)
	Merge(ctx context.Context, r registry.Repository, parts []registry.Part, tags []string) (digest string, platforms []string, err error)
}

// Result is what was built. It is filled as far as the run came, also beside an
// error.
type Result struct {
	Image    string   // the repository
	Tags     []string // the version first
	Digest   string   // of the manifest in the registry; "" when not pushed
	ImageID  string   // the engine's own
	Source   Source
	Tool     builder.Tool
	SignedBy string // "" when nobody did
	Warnings []string
	steps    []step
}

// Ref is the image by its first tag and digest: the tag is for people, the
// digest is what counts. It is "" when the image was not pushed.
func (r Result) Ref() string {
	if r.Digest == "" {
		return ""
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
	for _, s := range []struct {
		name string
		skip bool
		do   func(context.Context) (string, error)
	}{
		{"find a builder", j.merges(), j.findTool},
		{"choose the tags", !j.merges(), j.chooseTags},
		{"find a signer", o.Sign == nil, j.findSigner},
		{"ask for permission", !o.Push, j.askPermission},
		{"build", o.Push, j.build},
		{"build and push", !o.Push || j.merges(), j.build},
		{"merge", !j.merges(), j.merge},
		{"verify", !o.Push, j.verify},
		{"sign", o.Sign == nil, j.sign},
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
	if o.Registry == nil {
		o.Registry = registry.Client{Credentials: o.Credentials, Transport: registry.Retrying{Budget: registry.NewBudget(patience)}}
	}
	j.o = o
	if o.Sign != nil && !o.Push {
		return nil, exit.BadInputf("input sign signs what is in the registry: leave it out with push: false")
	}
	if j.merges() {
		return j, j.checkMerge()
	}
	if err := checkFiles(o.Context, o.File); err != nil {
		return nil, err
	}
	if err := builder.CheckBuildArgs(o.BuildArgs); err != nil {
		return nil, err
	}
	for _, l := range o.Labels {
		if name, _, ok := strings.Cut(l, "="); !ok || name == "" {
			return nil, exit.BadInputf("input labels holds %q: write name=value, one per line", l)
		}
	}
	return j, nil
}

// patience is how long the registry's passing faults may hold up a whole run.
const patience = 2 * time.Minute

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

func checkFiles(dir, file string) error {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return exit.BadInputf("input context is %q: it must be a directory that exists", dir)
	}
	input := "file"
	if file == "" {
		input, file = "context", filepath.Join(dir, "Dockerfile")
	}
	if info, err := os.Stat(file); err != nil || !info.Mode().IsRegular() {
		return exit.BadInputf("input %s: there is no Dockerfile at %s", input, file)
	}
	return nil
}

func (j *job) findTool(ctx context.Context) (string, error) {
	tool, err := builder.Find(ctx, j.o.Runner, j.o.Docker)
	if err != nil {
		return "", err
	}
	j.res.Tool = tool
	if tool.Mode == builder.Classic {
		j.res.Warnings = append(j.res.Warnings, fmt.Sprintf("%s %s has no BuildKit, so the classic builder is used: install the buildx plugin for faster builds, mounts and secrets", tool.CLI, tool.Version))
	}
	if _, err := j.chooseTags(ctx); err != nil {
		return "", err
	}
	j.o.Log.Debug("builder", "command", tool.CLI, "version", tool.Version, "engine", tool.Engine, "mode", tool.Mode)
	return fmt.Sprintf("%s of docker %s, engine %s", tool.Mode, tool.Version, tool.Engine), nil
}

// chooseTags applies the rules to the commit that is there.
func (j *job) chooseTags(ctx context.Context) (string, error) {
	j.res.Source = readSource(ctx, j.o.Runner, j.o.Context, j.o.SourceURL)
	if err := j.makeTags(j.res.Source); err != nil {
		return "", err
	}
	j.res.Warnings = append(j.res.Warnings, j.made...)
	if len(j.res.Tags) == 0 {
		return "", exit.BadInputf("input tags makes no tag of event %q at %q: add a rule that always holds, such as type=sha", j.o.Event.Name, j.o.Event.Ref)
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

func (j *job) build(ctx context.Context) (string, error) {
	what := "building " + j.res.Refs()[0]
	if j.o.Push {
		what = "building and pushing " + j.res.Refs()[0]
	}
	j.o.Progress(fmt.Sprintf("%s from %s with %s", what, j.o.Context, j.res.Tool.Mode))
	img, err := builder.Build(ctx, j.o.Runner, j.res.Tool, builder.Options{
		Context: j.o.Context, File: j.o.File, Target: j.o.Target,
		BuildArgs: j.o.BuildArgs, Labels: mergeLabels(j.res.Source.labels(j.res.Tags[0]), j.o.Labels),
		Refs: j.res.Refs(), Push: j.o.Push, Epoch: j.res.Source.epoch(),
		Login:     builder.Login{Host: j.repo.Host(), Username: j.o.Credentials.Username, Password: j.o.Credentials.Password},
		ConfigDir: j.o.ConfigDir, Log: j.o.BuildLog,
	})
	if err != nil {
		return "", err
	}
	j.res.ImageID = img.ID
	j.res.Digest = img.Digest
	if !j.o.Push {
		return "built, not pushed", nil
	}
	return strconv.Itoa(len(j.res.Tags)) + " tags pushed", nil
}
