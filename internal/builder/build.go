package builder

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/run"
)

// Options say what to build and where it goes.
type Options struct {
	Context   string   // directory
	File      string   // Dockerfile; "" means Dockerfile in the context
	Target    string   // stage; "" means the last
	BuildArgs []string // NAME=value; judged by [CheckBuildArgs]
	Labels    []string // name=value
	Refs      []string // repository:tag, at least one, all of one repository
	Push      bool
	Platform  string // "linux/amd64"; "" means the engine's own
	Epoch     string // SOURCE_DATE_EPOCH: seconds; "" leaves it out

	Login     Login        // for the push; the zero value leaves Docker's configuration as it is
	ConfigDir string       // Docker's configuration, which Login is added to; "" means none
	Log       io.Writer    // what the tools print, foreign text; nil drops it
	Progress  func(string) // what is being done now; may be nil
}

// Image is what came out.
type Image struct {
	ID     string // the engine's own: the digest of the configuration. Never a name to pull by
	Digest string // of the manifest in the registry; "" when not pushed
}

// Build builds the image and, if wanted, pushes every reference. Everything the
// tools print goes to Log as it comes.
func Build(ctx context.Context, runner run.Runner, t Tool, o Options) (Image, error) {
	dir, err := os.MkdirTemp("", "hyaction-build-")
	if err != nil {
		return Image{}, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b := build{runner: runner, tool: t, o: o, dir: dir, sink: newSink(o.Log, o.Progress)}
	if b.env, err = b.environment(); err != nil {
		return Image{}, err
	}
	img, err := b.build(ctx)
	if err != nil || !o.Push || t.Mode == Buildx {
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
	dir    string // of our own, gone at the end
	env    []string
	sink   *sink
}

func (b build) environment() ([]string, error) {
	env := []string{"BUILDKIT_PROGRESS=plain", "DOCKER_CLI_HINTS=false"}
	switch b.tool.Mode {
	case BuildKit:
		env = append(env, "DOCKER_BUILDKIT=1")
	case Classic:
		env = append(env, "DOCKER_BUILDKIT=0")
	}
	if b.o.Epoch != "" {
		env = append(env, "SOURCE_DATE_EPOCH="+b.o.Epoch)
	}
	if b.o.Login.Password != "" {
		dir := filepath.Join(b.dir, "docker")
		if err := WriteConfig(dir, b.o.ConfigDir, b.o.Login); err != nil {
			return nil, fmt.Errorf("write a Docker configuration for %s: %w", b.o.Login.Host, err)
		}
		env = append(env, "DOCKER_CONFIG="+dir)
	}
	return env, nil
}

func (b build) build(ctx context.Context) (Image, error) {
	idFile, metadata := filepath.Join(b.dir, "image-id"), filepath.Join(b.dir, "metadata.json")
	res, err := b.run(ctx, b.args(idFile, metadata))
	if err != nil {
		return Image{}, fault(ctx, "build "+b.o.Context, res, err)
	}
	id, err := os.ReadFile(idFile)
	if err != nil {
		return Image{}, fmt.Errorf("build %s: docker left no image ID: %w", b.o.Context, err)
	}
	img := Image{ID: strings.TrimSpace(string(id))}
	if !b.o.Push || b.tool.Mode != Buildx {
		return img, nil
	}
	raw, err := os.ReadFile(metadata)
	if err != nil {
		return Image{}, fmt.Errorf("build %s: buildx left no metadata: %w", b.o.Context, err)
	}
	var m struct {
		Digest string `json:"containerimage.digest"`
	}
	if err := json.Unmarshal(raw, &m); err != nil || m.Digest == "" {
		return Image{}, fmt.Errorf("build %s: buildx names no digest of the pushed image", b.o.Context)
	}
	img.Digest = m.Digest
	return img, nil
}

// args is the argument list of the build; every foreign value stands behind "="
// or "--", so that none is read as an option.
func (b build) args(idFile, metadata string) []string {
	var args []string
	if b.tool.Mode == Buildx {
		args = append(args, "buildx")
	}
	args = append(args, "build", "--iidfile="+idFile)
	if b.tool.Mode == Buildx {
		args = append(args, "--metadata-file="+metadata)
		if b.o.Push {
			args = append(args, "--push")
		} else {
			args = append(args, "--load")
		}
	}
	add := func(flag, value string) {
		if value != "" {
			args = append(args, "--"+flag+"="+value)
		}
	}
	add("file", b.o.File)
	add("target", b.o.Target)
	add("platform", b.o.Platform)
	for _, v := range b.o.BuildArgs {
		add("build-arg", v)
	}
	for _, v := range b.o.Labels {
		add("label", v)
	}
	for _, v := range b.o.Refs {
		add("tag", v)
	}
	return append(args, "--", b.o.Context)
}

// pushed is the line with which "docker push" ends. This digest, and no other
// that the engine knows, is the one a cluster can pull by.
var pushed = regexp.MustCompile(`(?m)^\S+: digest: (sha256:[0-9a-f]{64}) size: \d+\s*$`)

func (b build) push(ctx context.Context, ref string) (string, error) {
	if b.o.Progress != nil {
		b.o.Progress("pushing " + ref)
	}
	res, err := b.run(ctx, []string{"push", "--", ref})
	if err != nil {
		return "", fault(ctx, "push "+ref, res, err)
	}
	m := pushed.FindStringSubmatch(res.Stdout)
	if m == nil {
		return "", fmt.Errorf("push %s: docker names no digest of the pushed image", ref)
	}
	return m[1], nil
}

func (b build) run(ctx context.Context, args []string) (run.Result, error) {
	return again(ctx, b.sink.progress, func() (run.Result, error) {
		out, errs := b.sink.stream(), b.sink.stream()
		res, err := b.runner.Run(ctx, run.Cmd{Name: b.tool.CLI, Args: args, Env: b.env, Stdout: out, Stderr: errs})
		out.end()
		errs.end()
		return res, err
	})
}

// fault makes one sentence of a failed command: what was done and the line that
// names the cause. The rest is in the log.
func fault(ctx context.Context, doing string, res run.Result, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", doing, context.Cause(ctx))
	}
	if cause := causeLine(res.Stdout + "\n" + res.Stderr); cause != "" {
		return fmt.Errorf("%s: %s", doing, cause)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// causes are how the builders start the line that says why, best first.
var causes = []*regexp.Regexp{
	regexp.MustCompile(`(?i)^(?:ERROR: )?failed to solve[^:]*: (.+)$`),
	regexp.MustCompile(`^#\d+ ERROR: (.+)$`),
	regexp.MustCompile(`^(The command '.+' returned a non-zero code: \d+)$`),
	regexp.MustCompile(`(?i)^(?:error|denied|unauthorized)[:,]? (.+)$`),
}

func causeLine(output string) string {
	lines := strings.Split(strings.TrimSpace(output), "\n")
	for _, re := range causes {
		for i := len(lines) - 1; i >= 0; i-- {
			if m := re.FindStringSubmatch(strings.TrimSpace(lines[i])); m != nil {
				return m[1]
			}
		}
	}
	return lastLine(output)
}

// secretName matches names that hold a secret more often than not.
var secretName = regexp.MustCompile(`(?i)(^|_)(token|secrets?|pass(word|wd|phrase)?|pwd|credentials?|(api|private|access|ssh|signing)_?key|auth)($|_)`)

// CheckBuildArgs reports the first build argument that is malformed or is named
// like a secret: build arguments stay readable in the image's history and in
// its provenance.
func CheckBuildArgs(args []string) error {
	for _, arg := range args {
		name, _, ok := strings.Cut(arg, "=")
		if !ok || name == "" || strings.ContainsAny(name, " \t") {
			return exit.BadInputf("input build-args holds %q: write NAME=value, one per line", name)
		}
		if secretName.MatchString(name) {
			return exit.BadInputf("input build-args names %s, which looks like a secret: everyone who can pull the image could read its value, so pass it by a secret mount of the Dockerfile", name)
		}
	}
	return nil
}
