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
	"github.com/buenhyden/hy-home/internal/registry"
)

const stored = "sha256:2222222222222222222222222222222222222222222222222222222222222222"

// keyed runs once, and returns the key that the image was given.
func keyed(t *testing.T, w *world, o Options) Result {
	t.Helper()
	res, err := Run(t.Context(), o)
	if err != nil || !res.Built || res.Content.Value == "" {
		t.Fatalf("%+v, %v", res, err)
	}
	if args := w.builds()[0]; !slices.Contains(args, "--label="+contentLabel+"="+res.Content.Value) || !slices.Contains(args, "--pull=true") {
		t.Errorf("%q", args)
	}
	return res
}

func TestRun_SameContentIsNotBuiltAgain(t *testing.T) {
	w := newWorld(t)
	o := options(t, w)
	r := &fakeRegistry{}
	o.Registry = r
	first := keyed(t, w, o)
	if want := []string{first.Content.Tag() + "=" + digest}; !slices.Equal(r.tagged, want) {
		t.Errorf("%q, want %q", r.tagged, want)
	}
	manifest := registry.Manifest{Digest: stored, Labels: map[string]string{contentLabel: first.Content.Value, "a": "b"}, Platforms: []string{"linux/amd64"}, Size: 7}
	for name, c := range map[string]struct {
		have  func(m *registry.Manifest)
		apply func(o *Options)
		built bool
	}{
		"the same":           {},
		"another platform":   {have: func(m *registry.Manifest) { m.Platforms = []string{"linux/arm64"} }, built: true},
		"the tag on another": {have: func(m *registry.Manifest) { m.Labels = nil }, built: true},
		"always":             {apply: func(o *Options) { o.AlwaysBuild = true }, built: true},
		"not pushed":         {apply: func(o *Options) { o.Push = false }, built: true},
		"another argument":   {apply: func(o *Options) { o.BuildArgs = []string{"A=1"} }, built: true},
		"another label":      {apply: func(o *Options) { o.Labels = []string{"team=shop"} }, built: true},
		"another annotation": {apply: func(o *Options) {
			o.Annotations = []string{"team=shop"}
			o.Runner.(*world).buildx = true
		}, built: true},
		"another limit":              {apply: func(o *Options) { o.Features.Ulimits = []string{"nofile=1"} }, built: true},
		"another secret":             {apply: func(o *Options) { o.Features.Secrets = []builder.Secret{{ID: "npm", Value: "x"}} }, built: true},
		"no cache":                   {apply: func(o *Options) { o.Features.NoCache = true }, built: true},
		"a Dockerfile of its own":    {apply: func(o *Options) { o.Features.Dockerfile = "FROM scratch\nCOPY . /\n" }, built: true},
		"the same text, given":       {apply: func(o *Options) { o.Features.Dockerfile = "FROM scratch\n" }},
		"the platform of the engine": {apply: func(o *Options) { o.Features.Platforms = []string{"linux/amd64"} }},
		"newer bases":                {apply: func(o *Options) { o.Features.Pull = true }},
		"another revision label":     {apply: func(o *Options) { o.Labels = []string{"org.opencontainers.image.revision=1"} }},
		"another base": {apply: func(o *Options) {
			o.Base = func(context.Context, string) (string, error) { return "sha256:other", nil }
			do(t, os.WriteFile(filepath.Join(o.Context, "Dockerfile"), []byte("FROM a\n"), 0o600))
		}, built: true},
		"a registry that does not say": {apply: func(o *Options) { o.Registry.(*fakeRegistry).read = errors.New("500") }, built: true},
	} {
		w := newWorld(t)
		o := o
		o.Runner, o.Context = w, t.TempDir()
		do(t, os.WriteFile(filepath.Join(o.Context, "Dockerfile"), []byte("FROM scratch\n"), 0o600))
		m := manifest
		if c.have != nil {
			c.have(&m)
		}
		r := &fakeRegistry{have: map[string]registry.Manifest{first.Content.Tag(): m}}
		o.Registry = r
		if c.apply != nil {
			c.apply(&o)
		}
		res, err := Run(t.Context(), o)
		if r.read == nil && err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if built := len(w.builds()) == 1; built != c.built || r.read == nil && res.Built != c.built {
			t.Errorf("%s: built %v, %+v", name, built, res)
		}
		if name == "always" && !slices.Equal(r.tagged, []string{first.Content.Tag() + "=" + digest}) {
			t.Errorf("%s: %q", name, r.tagged)
		}
		if c.built {
			continue
		}
		if want := []string{"v1=" + stored, "latest=" + stored}; !slices.Equal(r.tagged, want) || res.Ref() != o.Image+":v1@"+stored {
			t.Errorf("%s: %q, %s", name, r.tagged, res.Ref())
		}
		if !slices.Contains(res.Labels, "a=b") || !strings.HasPrefix(res.Report(nil).Verdict, "Not built") {
			t.Errorf("%s: %q, %+v", name, res.Labels, res.Report(nil))
		}
	}
}

func TestRun_NoKeyIsBuilt(t *testing.T) {
	w := newWorld(t)
	o := options(t, w)
	do(t, os.WriteFile(filepath.Join(o.Context, "Dockerfile"), []byte("FROM scratch\nADD https://example.com/x /\n"), 0o600))
	r := &fakeRegistry{}
	o.Registry = r
	res, err := Run(t.Context(), o)
	if err != nil || !res.Built || !strings.Contains(res.NoKey, "--checksum") || len(r.tagged) != 0 || slices.Contains(w.builds()[0], "--pull=true") {
		t.Errorf("%+v, %v, %q", res, err, r.tagged)
	}
}

func TestRun_WhatCannotBeLookedIntoHasNoKey(t *testing.T) {
	for want, apply := range map[string]func(*Options){
		"the builder fetches": func(o *Options) { o.Context = "https://github.com/acme/shop.git" },
		"build-contexts":      func(o *Options) { o.Features.BuildContexts = []string{"base=docker-image://alpine:3"} },
	} {
		w := newWorld(t)
		w.buildx = true
		o := options(t, w)
		apply(&o)
		if res, err := Run(t.Context(), o); err != nil || !res.Built || !strings.Contains(res.NoKey, want) {
			t.Errorf("%+v, %v, want %q", res, err, want)
		}
	}
}

func TestRun_ContentThatChangesWhileItIsBuiltIsNotRemembered(t *testing.T) {
	w := newWorld(t)
	o := options(t, w)
	do(t, os.WriteFile(filepath.Join(o.Context, "Dockerfile"), []byte("FROM a\n"), 0o600))
	r := &fakeRegistry{}
	asked := 0
	o.Registry, o.Base = r, func(context.Context, string) (string, error) {
		asked++
		return "sha256:" + strings.Repeat("x", asked), nil
	}
	res, err := Run(t.Context(), o)
	if err != nil || len(r.tagged) != 0 || res.Ref() == "" || !strings.Contains(res.steps[len(res.steps)-1].detail, "has changed during the build") {
		t.Errorf("%+v, %v, %q", res, err, r.tagged)
	}
}

func TestRun_TagsThatCannotBePutAreNoResult(t *testing.T) {
	w := newWorld(t)
	o := options(t, w)
	first := keyed(t, w, o)
	o.Registry = &fakeRegistry{tag: errors.New("denied"), have: map[string]registry.Manifest{
		first.Content.Tag(): {Digest: stored, Labels: map[string]string{contentLabel: first.Content.Value}, Platforms: []string{"linux/amd64"}},
	}}
	if res, err := Run(t.Context(), o); err == nil || res.Ref() != "" {
		t.Errorf("%+v, %v", res, err)
	}
}

func do(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestRun_AStageThatIsNotThereIsToldBeforeTheBuild(t *testing.T) {
	w := newWorld(t)
	o := options(t, w)
	o.Target = "nope"
	if _, err := Run(t.Context(), o); exit.Code(err) != exit.BadInput || err.Error() != `input target is "nope": the Dockerfile has no stage nope` || len(w.builds()) != 0 {
		t.Errorf("%v, %q", err, w.builds())
	}
}
