package buildpush

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/builder"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/imagetag"
	"github.com/buenhyden/hy-home/internal/registry"
	"github.com/buenhyden/hy-home/internal/report"
	"github.com/buenhyden/hy-home/internal/run"
)

const (
	digest = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
	sha    = "0123456789abcdef0123456789abcdef01234567"
)

// world plays docker and git.
type world struct {
	*run.Fake
	status string // of git
	noGit  bool
	broken bool   // the build fails
	pushed string // the digest that docker names after a push
	buildx bool
}

func newWorld(t *testing.T) *world {
	w := &world{pushed: digest}
	w.Fake = &run.Fake{Handler: func(c run.Cmd) (run.Result, error) {
		if c.Name == "git" {
			if w.noGit {
				return run.Result{Code: 128, Stderr: "fatal: not a git repository"}, nil
			}
			return run.Result{Stdout: map[string]string{"log": sha + " 1700000000\n", "status": w.status, "remote": "https://me:secret@github.com/acme/shop.git\n"}[c.Args[0]]}, nil
		}
		switch c.Args[0] {
		case "version":
			return run.Result{Stdout: `{"Client":{"Version":"20.10.24"},"Server":{"Version":"20.10.24","Os":"linux","Arch":"amd64"}}`}, nil
		case "buildx":
			if !w.buildx {
				return run.Result{Code: 1}, nil
			}
			if c.Args[1] == "inspect" {
				return run.Result{Stdout: "Name: far\nDriver: remote\n"}, nil
			}
		case "push":
			return run.Result{Stdout: "v1: digest: " + w.pushed + " size: 7\n"}, nil
		}
		if w.broken {
			return run.Result{Code: 1, Stderr: "failed to solve: no such package\n"}, nil
		}
		for _, a := range c.Args {
			for flag, text := range map[string]string{"--iidfile=": "sha256:config", "--metadata-file=": `{"containerimage.digest":"` + digest + `"}`} {
				if f, ok := strings.CutPrefix(a, flag); ok {
					do(t, os.WriteFile(f, []byte(text), 0o600))
				}
			}
		}
		return run.Result{}, nil
	}}
	return w
}

// builds are the arguments of each build that was started.
func (w *world) builds() [][]string {
	var out [][]string
	for _, c := range w.Calls() {
		if c.Args[0] == "build" || c.Args[0] == "buildx" && c.Args[1] == "build" {
			out = append(out, c.Args)
		}
	}
	return out
}

// fakeRegistry holds manifests by tag and digest. What was pushed is there by its
// digest, unless it is lost.
type fakeRegistry struct {
	push, read, tag error
	lost            bool
	have            map[string]registry.Manifest
	tagged          []string
}

func (f *fakeRegistry) CheckPush(context.Context, registry.Repository) error { return f.push }

func (f *fakeRegistry) Attestations(context.Context, registry.Repository, string) ([]registry.Attested, error) {
	return nil, errors.New("must not be asked")
}

func (f *fakeRegistry) Merge(context.Context, registry.Repository, []registry.Part, []string) (string, []string, error) {
	return "", nil, errors.New("must not be asked")
}

// Digest is that of what was pushed or tagged last.
func (f *fakeRegistry) Digest(_ context.Context, _ registry.Repository, tag string) (string, error) {
	for _, t := range slices.Backward(f.tagged) {
		if name, d, _ := strings.Cut(t, "="); name == tag {
			return d, nil
		}
	}
	if f.lost {
		return "", registry.ErrNotFound
	}
	return digest, nil
}

func (f *fakeRegistry) Read(_ context.Context, _ registry.Repository, name string) (registry.Manifest, error) {
	if m, ok := f.have[name]; ok || f.read != nil {
		return m, f.read
	}
	if name == digest && !f.lost {
		return registry.Manifest{Digest: digest, Platforms: []string{"linux/amd64"}}, nil
	}
	return registry.Manifest{}, registry.ErrNotFound
}

func (f *fakeRegistry) Tag(_ context.Context, _ registry.Repository, d string, tags []string) error {
	for _, t := range tags {
		f.tagged = append(f.tagged, t+"="+d)
	}
	return f.tag
}

func options(t *testing.T, w *world) Options {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM scratch\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return Options{Image: "localhost:5001/shop/backend", Tags: []string{"v1", "latest"}, Context: dir, Push: true, Docker: []string{"docker"}, Runner: w, Registry: &fakeRegistry{}}
}

func TestRun(t *testing.T) {
	w := newWorld(t)
	o := options(t, w)
	o.BuildArgs, o.Labels = []string{"VERSION=v1"}, []string{"org.opencontainers.image.version=1.0", "team=shop"}
	res, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if want := "localhost:5001/shop/backend:v1@" + digest; res.Ref() != want || res.ImageID != "sha256:config" || res.Tool.Mode != builder.BuildKit {
		t.Errorf("%+v", res)
	}
	args := w.builds()[0]
	for _, want := range []string{
		"--label=org.opencontainers.image.created=2023-11-14T22:13:20Z", "--label=org.opencontainers.image.revision=" + sha,
		"--label=org.opencontainers.image.source=https://github.com/acme/shop", "--label=org.opencontainers.image.version=1.0", "--label=team=shop",
		"--tag=localhost:5001/shop/backend:v1", "--tag=localhost:5001/shop/backend:latest", "--build-arg=VERSION=v1",
	} {
		if !slices.Contains(args, want) {
			t.Errorf("%q is missing in %q", want, args)
		}
	}
	if strings.Contains(strings.Join(args, " "), "version=v1 ") || strings.Contains(strings.Join(args, " "), "secret") {
		t.Errorf("%q", args)
	}
	r := res.Report(nil)
	if r.Status != report.Passed || len(r.Steps) != 7 || !strings.Contains(r.Verdict, digest) {
		t.Errorf("%+v", r)
	}
}

func TestRun_AsksBeforeItBuilds(t *testing.T) {
	w := newWorld(t)
	o := options(t, w)
	o.Registry = &fakeRegistry{push: exit.BadInputf("no")}
	res, err := Run(t.Context(), o)
	if exit.Code(err) != exit.BadInput || len(w.builds()) != 0 {
		t.Errorf("%v, %q", err, w.builds())
	}
	if r := res.Report(err); r.Status != report.Failed || len(r.Steps) != 4 {
		t.Errorf("%+v", r)
	}
}

func TestRun_WithoutPush(t *testing.T) {
	w := newWorld(t)
	o := options(t, w)
	o.Push, o.Registry = false, &fakeRegistry{push: errors.New("must not be asked"), read: errors.New("must not be asked"), tag: errors.New("must not be asked")}
	res, err := Run(t.Context(), o)
	if r := res.Report(nil); len(r.Steps) != 3 || r.Steps[2].Name != "build" {
		t.Errorf("%+v", r.Steps)
	}
	if err != nil || res.Ref() != "" || res.ImageID == "" {
		t.Errorf("%+v, %v", res, err)
	}
}

func TestRun_ADigestTheRegistryDoesNotHaveIsNoResult(t *testing.T) {
	w := newWorld(t)
	o := options(t, w)
	o.Registry = &fakeRegistry{lost: true}
	res, err := Run(t.Context(), o)
	if err == nil || !strings.Contains(err.Error(), digest) || res.Ref() != "" {
		t.Errorf("%+v, %v", res, err)
	}
}

func TestRun_BuildFails(t *testing.T) {
	w := newWorld(t)
	w.broken = true
	_, err := Run(t.Context(), options(t, w))
	if err == nil || !strings.HasSuffix(err.Error(), ": no such package") || exit.Code(err) != exit.Failed {
		t.Errorf("%v", err)
	}
}

func TestRun_DefaultTag(t *testing.T) {
	for _, c := range []struct {
		status string
		noGit  bool
		want   string
	}{{"", false, sha}, {" M main.go", false, sha + "-dirty"}, {"", true, "latest"}} {
		w := newWorld(t)
		w.status, w.noGit = c.status, c.noGit
		o := options(t, w)
		o.Tags = nil
		res, err := Run(t.Context(), o)
		if err != nil || !slices.Equal(res.Tags, []string{c.want}) {
			t.Errorf("%+v: %q, %v", c, res.Tags, err)
		}
	}
}

func TestRun_BadInputBuildsNothing(t *testing.T) {
	for want, change := range map[string]func(*Options){
		"input image":             func(o *Options) { o.Image = "Shop/Backend:v1" },
		"input tags":              func(o *Options) { o.Tags = []string{"-v1"} },
		"input context":           func(o *Options) { o.Context = "/nowhere" },
		"no Dockerfile at":        func(o *Options) { o.Context = os.TempDir() + "/" },
		"input file":              func(o *Options) { o.File = "/nowhere/Dockerfile" },
		"looks like a secret":     func(o *Options) { o.BuildArgs = []string{"API_TOKEN=x1y2"} },
		"input labels":            func(o *Options) { o.Labels = []string{"x"} },
		"input annotations":       func(o *Options) { o.Annotations = []string{"x"} },
		"none of manifest, index": func(o *Options) { o.Levels = []string{"layer"} },
		"source-date-epoch":       func(o *Options) { o.Epoch = "yesterday" },
		"username and password":   func(o *Options) { o.Credentials.Username = "me" },
		"no docker command found": func(o *Options) { o.Docker = nil },
	} {
		w := newWorld(t)
		o := options(t, w)
		change(&o)
		if want == "no Dockerfile at" {
			o.Context = t.TempDir()
		}
		_, err := Run(t.Context(), o)
		if exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "x1y2") || len(w.builds()) != 0 {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestRun_TagsByRules(t *testing.T) {
	w := newWorld(t)
	o := options(t, w)
	o.Tags = []string{"type=sha", "type=semver,pattern={{version}}", "type=semver,pattern={{major}}", "localhost:5001/shop/backend:extra"}
	o.Flavor = []string{"suffix=-slim"}
	o.Event = imagetag.Event{Name: "push", Ref: "refs/tags/v1.2.3"}
	res, err := Run(t.Context(), o)
	if want := []string{"1.2.3-slim", "1-slim", "extra-slim", "sha-0123456-slim", "latest"}; err != nil || !slices.Equal(res.Tags, want) {
		t.Errorf("%q, %v, want %q", res.Tags, err, want)
	}
	o.Tags, o.Event.Ref = []string{"type=ref,event=tag"}, "refs/heads/main"
	if _, err := Run(t.Context(), o); exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), "makes no tag") {
		t.Errorf("%v", err)
	}
}
