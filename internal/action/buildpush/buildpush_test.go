package buildpush

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/builder"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/imagetag"
	"github.com/buenhyden/hy-home/internal/report"
)

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
	if r.Status != report.Passed || len(r.Steps) != 8 || !strings.Contains(r.Verdict, digest) {
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
	// The look for the content may have ended before the denial came, or was given up.
	r := res.Report(err)
	steps := slices.DeleteFunc(r.Steps, func(s report.Step) bool { return s.Name == "look for the content" })
	if r.Status != report.Failed || len(steps) != 3 || steps[2].Name != "ask for permission" {
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

func TestRun_TagsAsReferences(t *testing.T) {
	w := newWorld(t)
	o := options(t, w)
	o.Image, o.Tags = "", []string{"localhost:5001/shop/backend:v1,localhost:5001/shop/backend:v1.2", "type=raw,value=edge"}
	res, err := Run(t.Context(), o)
	if want := []string{"v1", "v1.2", "edge"}; err != nil || res.Image != "localhost:5001/shop/backend" || !slices.Equal(res.Tags, want) {
		t.Errorf("%+v, %v", res, err)
	}
	for want, tags := range map[string][]string{
		"one step pushes to one repository": {"ghcr.io/acme/a:1", "ghcr.io/acme/b:1"},
		"input image is empty":              {"v1"},
	} {
		o.Tags = tags
		if _, err := Run(t.Context(), o); exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", tags, err)
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

// What does not wait for one another is told of all together, the first fault first.
func TestRun_AsksAllAtOnce(t *testing.T) {
	w := newWorld(t)
	o := options(t, w)
	o.Docker, o.Registry = nil, &fakeRegistry{push: exit.BadInputf("no right to push")}
	res, err := Run(t.Context(), o)
	if exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), "no docker command found") {
		t.Errorf("%v", err)
	}
	var faults []string
	for _, s := range res.Report(err).Steps {
		if s.Status == report.Failed {
			faults = append(faults, s.Name)
		}
		if len(s.Needs) != 0 {
			t.Errorf("%s waited for %q", s.Name, s.Needs)
		}
	}
	if want := []string{"find a builder", "ask for permission"}; !slices.Equal(faults, want) {
		t.Errorf("%q, want %q", faults, want)
	}
}

func TestRun_Call(t *testing.T) {
	w := newWorld(t)
	w.buildx = true
	o := options(t, w)
	o.Features.Call, o.Registry = "check", nil
	res, err := Run(t.Context(), o)
	if err != nil || res.Built || res.Ref() != "" || len(res.Refs()) != 0 || !strings.HasPrefix(res.Report(nil).Verdict, "Asked") {
		t.Errorf("%+v, %v", res, err)
	}
	if args := w.builds()[0]; !slices.Contains(args, "--call=check") || strings.Contains(strings.Join(args, " "), "--push") || strings.Contains(strings.Join(args, " "), "--tag") {
		t.Errorf("%q", args)
	}
	o.Merge = []string{digest}
	if _, err := Run(t.Context(), o); exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), "input call") {
		t.Errorf("%v", err)
	}
}
