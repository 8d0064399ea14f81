package builder

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/buenhyden/hy-home/internal/pattern"
	"github.com/buenhyden/hy-home/internal/run"
)

// Options say what to build and where it goes.
type Options struct {
	Context   string   // directory, or URL of a Git repository or an archive; see [IsRemote]
	File      string   // Dockerfile; "" means Dockerfile in the context
	Target    string   // stage; "" means the last
	BuildArgs []string // NAME=value; judged by [CheckBuildArgs]
	Labels    []string // name=value
	Refs      []string // repository:tag, at least one, all of one repository
	Push      bool
	Features

	Annotations  []string // level:name=value
	Epoch        string   // SOURCE_DATE_EPOCH: seconds; "" leaves it out
	RewriteTimes bool     // give files of new layers the epoch as their time, in images that are pushed or written

	Login     Login  // for the push; the zero value leaves Docker's configuration as it is
	ConfigDir string // Docker's configuration, which Login is added to; "" means none

	// Known is the login that Docker's configuration has for a reference, for mode
	// Engine: a docker command reads it by itself. It may be nil.
	Known func(ref string) (Login, error)

	Log      io.Writer    // what the tools print, foreign text; nil drops it
	Progress func(string) // what is being done now; may be nil
}

// Image is what came out. Warnings are filled also beside an error.
type Image struct {
	ID       string // the engine's own: the digest of the configuration. Never a name to pull by; "" where outputs take its place
	Digest   string // of the manifest in the registry; "" when not pushed
	Metadata []byte // what buildx tells of the build, JSON; nil of other tools
	Made     string // why a builder was made for this build; "" if none was
	Warnings []string
}

// Build builds the image and, if wanted, pushes every reference. Everything the
// tools print goes to Log as it comes. Nothing is left behind but the image.
func Build(ctx context.Context, runner run.Runner, t Tool, o Options) (img Image, err error) {
	b := &build{runner: runner, tool: t, o: t.offered(o).withCaches(), now: time.Now()}
	b.until = until(ctx, b.now)
	if b.dir, err = privateDir(b.until, b.now); err != nil {
		return Image{}, err
	}
	defer func() { _ = os.RemoveAll(b.dir) }()
	b.sink = newSink(o.Log, o.Progress)
	if t.Mode == Engine {
		return b.throughAPI(ctx)
	}
	if b.env, err = b.environment(); err != nil {
		return Image{}, err
	}
	why, err := b.wantsContainer(ctx)
	if err != nil {
		return Image{}, err
	}
	if why != "" {
		b.env = append(b.env, "BUILDX_CONFIG="+filepath.Join(b.dir, "buildx"))
		c, err := b.makeContainer(ctx, why)
		if err != nil {
			return Image{}, err
		}
		defer func() {
			img.Made = why
			if left := c.remove(ctx); left != "" {
				img.Warnings = append(img.Warnings, left)
			}
		}()
		b.o.Builder = c.name
	}
	if img, err = b.build(ctx); err != nil || !o.Push || t.Mode == Buildx {
		return img, err
	}
	for _, ref := range o.Refs {
		if img.Digest, err = b.push(ctx, ref); err != nil {
			return Image{}, err
		}
	}
	return img, nil
}

type build struct {
	runner run.Runner
	tool   Tool
	o      Options
	now    time.Time
	until  string // part of the names of what this run makes
	dir    string // of our own, gone at the end
	env    []string
	sink   *sink
}

func (b *build) environment() ([]string, error) {
	env := slices.Concat([]string{"BUILDKIT_PROGRESS=plain", "DOCKER_CLI_HINTS=false"}, b.o.Env, secretEnv(b.o.Secrets))
	switch b.tool.Mode {
	case Buildx:
		// Attestations only where they are asked for: they make an index of an image,
		// and another digest of the same content.
		env = append(env, "BUILDX_NO_DEFAULT_ATTESTATIONS=1")
		if len(b.o.Predicates()) == 0 {
			// buildx asks git seven times, 40 ms, for what it writes into provenance alone.
			env = append(env, "BUILDX_GIT_INFO=false")
		}
	case BuildKit:
		env = append(env, "DOCKER_BUILDKIT=1")
	case Classic:
		env = append(env, "DOCKER_BUILDKIT=0")
	case Engine:
	}
	if b.o.Epoch != "" {
		env = append(env, "SOURCE_DATE_EPOCH="+b.o.Epoch)
	}
	if b.o.Login.Password != "" {
		config, err := b.o.Login.writeConfig(b.dir, b.o.ConfigDir)
		if err != nil {
			return nil, err
		}
		env = append(env, config...)
	}
	return env, nil
}

// checked is how buildx ends a check: its last line may be one of the Dockerfile.
var checked = pattern.New(`(?m)^Check complete, (.+ found)`)

func (b *build) build(ctx context.Context) (Image, error) {
	idFile, metadata := filepath.Join(b.dir, "image-id"), filepath.Join(b.dir, "metadata.json")
	command := run.Cmd{Name: b.tool.CLI, Args: b.args(idFile, metadata)}
	if b.tool.Mode == Buildx {
		command = b.tool.buildx(command.Args...)
	}
	said, err := b.run(ctx, firstNonEmpty(b.o.Call, "build")+" "+b.o.Context, command, b.o.Dockerfile)
	if m := checked.FindStringSubmatch(said); err != nil && m != nil {
		return Image{}, fmt.Errorf("check %s: %s", b.o.Context, m[1])
	}
	if err != nil || b.o.Call != "" {
		return Image{}, err
	}
	var img Image
	if b.makesImage() {
		id, err := os.ReadFile(idFile)
		if err != nil && (b.tool.Mode != Buildx || b.loads()) {
			return Image{}, fmt.Errorf("build %s: docker left no image ID: %w", b.o.Context, err)
		}
		img.ID = strings.TrimSpace(string(id))
	}
	if b.tool.Mode != Buildx {
		return img, nil
	}
	if img.Metadata, err = os.ReadFile(metadata); err != nil {
		return Image{}, fmt.Errorf("build %s: buildx left no metadata: %w", b.o.Context, err)
	}
	if !b.o.Push {
		return img, nil
	}
	var m struct {
		Digest string `json:"containerimage.digest"`
	}
	if err := json.Unmarshal(img.Metadata, &m); err != nil || m.Digest == "" {
		return Image{}, fmt.Errorf("build %s: buildx names no digest of the pushed image", b.o.Context)
	}
	img.Digest = m.Digest
	return img, nil
}

// say tells of what is done between the tools, where they print.
func (b *build) say(text string) { b.sink.line([]byte(text + "\n")) }

// loads reports whether the image shall be in the engine afterwards: where it is
// asked for, and where it would be nowhere otherwise.
func (b *build) loads() bool {
	return b.o.Call == "" && (b.o.Load || !b.o.Push && len(b.o.Outputs) == 0 && len(b.o.Platforms) < 2)
}

// makesImage reports whether an image comes out: files that are written by outputs
// have no ID, and the tools refuse to be asked for one.
func (b *build) makesImage() bool {
	return b.o.Call == "" && !slices.ContainsFunc(b.o.Outputs, func(out string) bool {
		kind := attribute(out, "type")
		return kind == "" || kind == "local" || kind == "tar"
	})
}

// args is the argument list of the build; every foreign value stands behind "="
// or "--", so that none is read as an option.
func (b *build) args(idFile, metadata string) []string {
	args := []string{"build"}
	if b.makesImage() {
		args = append(args, "--iidfile="+idFile)
	}
	if b.tool.Mode == Buildx && b.o.Call == "" {
		args = append(args, "--metadata-file="+metadata)
		if b.o.Push {
			args = append(args, "--push")
		}
		if b.loads() {
			args = append(args, "--load")
		}
	}
	return append(append(args, b.o.arguments()...), "--", b.o.Context)
}

// run runs a command, again if it may end better, and returns what it said.
func (b *build) run(ctx context.Context, doing string, c run.Cmd, stdin string) (said string, err error) {
	c.Env = b.env
	err = b.again(ctx, func() error {
		out, errs := b.sink.stream(), b.sink.stream()
		c.Stdin, c.Stdout, c.Stderr = strings.NewReader(stdin), out, errs
		res, err := b.runner.Run(ctx, c)
		out.end()
		errs.end()
		said = res.Stdout
		if err != nil {
			return fault(ctx, doing, res, err)
		}
		return nil
	})
	return said, err
}
