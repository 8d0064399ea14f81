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
			return run.Result{Stdout: `{"Client":{"Version":"20.10.24"},"Server":{"Version":"20.10.24"}}`}, nil
		case "buildx":
			return run.Result{Code: 1}, nil
		case "push":
			return run.Result{Stdout: "v1: digest: " + w.pushed + " size: 7\n"}, nil
		}
		if w.broken {
			return run.Result{Code: 1, Stderr: "failed to solve: no such package\n"}, nil
		}
		for _, a := range c.Args {
			if f, ok := strings.CutPrefix(a, "--iidfile="); ok {
				if err := os.WriteFile(f, []byte("sha256:config"), 0o600); err != nil {
					t.Error(err)
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
		if c.Args[0] == "build" {
			out = append(out, c.Args)
		}
	}
	return out
}

type fakeRegistry struct{ push, digest error }

func (f fakeRegistry) Attestations(context.Context, registry.Repository, string) ([]registry.Attested, error) {
	return nil, errors.New("must not be asked")
}
func (f fakeRegistry) Merge(context.Context, registry.Repository, []registry.Part, []string) (string, []string, error) {
	return "", nil, errors.New("must not be asked")
}
func (f fakeRegistry) CheckPush(context.Context, registry.Repository) error { return f.push }
func (f fakeRegistry) Digest(context.Context, registry.Repository, string) (string, error) {
	return digest, f.digest
}

func options(t *testing.T, w *world) Options {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM scratch\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return Options{Image: "localhost:5001/shop/backend", Tags: []string{"v1", "latest"}, Context: dir, Push: true, Docker: []string{"docker"}, Runner: w, Registry: fakeRegistry{}}
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
	if r.Status != report.Passed || len(r.Steps) != 4 || !strings.Contains(r.Verdict, digest) {
		t.Errorf("%+v", r)
	}
}

func TestRun_AsksBeforeItBuilds(t *testing.T) {
	w := newWorld(t)
	o := options(t, w)
	o.Registry = fakeRegistry{push: exit.BadInputf("no")}
	res, err := Run(t.Context(), o)
	if exit.Code(err) != exit.BadInput || len(w.builds()) != 0 {
		t.Errorf("%v, %q", err, w.builds())
	}
	if r := res.Report(err); r.Status != report.Failed || len(r.Steps) != 2 {
		t.Errorf("%+v", r)
	}
}

func TestRun_WithoutPush(t *testing.T) {
	w := newWorld(t)
	o := options(t, w)
	o.Push, o.Registry = false, fakeRegistry{push: errors.New("must not be asked"), digest: errors.New("must not be asked")}
	res, err := Run(t.Context(), o)
	if r := res.Report(nil); len(r.Steps) != 2 || r.Steps[1].Name != "build" {
		t.Errorf("%+v", r.Steps)
	}
	if err != nil || res.Ref() != "" || res.ImageID == "" {
		t.Errorf("%+v, %v", res, err)
	}
}

func TestRun_ADigestTheRegistryDoesNotHaveIsNoResult(t *testing.T) {
	w := newWorld(t)
	o := options(t, w)
	o.Registry = fakeRegistry{digest: registry.ErrNotFound}
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

func TestPublicURL(t *testing.T) {
	for remote, want := range map[string]string{
		"https://github.com/acme/shop.git":        "https://github.com/acme/shop",
		"https://user:token@github.com/acme/shop": "https://github.com/acme/shop",
		"git@github.com:acme/shop.git":            "https://github.com/acme/shop",
		"ssh://git@git.example.com:2222/a/b.git":  "https://git.example.com/a/b",
		"/srv/git/shop.git":                       "",
		"file:///srv/git/shop.git":                "",
		"../shop":                                 "",
		"":                                        "",
	} {
		if got := publicURL(remote); got != want {
			t.Errorf("%q: %q, want %q", remote, got, want)
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
