package buildpush

import (
	"runtime"
	"slices"
	"testing"

	"github.com/buenhyden/hy-home/internal/docker"
	"github.com/buenhyden/hy-home/internal/registry"
	"github.com/buenhyden/hy-home/internal/run"
	"github.com/buenhyden/hy-home/internal/testkit"
)

// here has o build by buildx's own program, on an engine behind a socket of this machine.
func here(t *testing.T, w *world, o Options, arch string) Options {
	o.Plugin, o.API = "/p/docker-buildx", &docker.Engine{Host: testkit.Engine(t, func() string { return arch })}
	docker := w.Handler
	w.Handler = func(c run.Cmd) (run.Result, error) {
		if c.Name == o.Plugin && c.Args[0] == "version" {
			return run.Result{Stdout: "github.com/docker/buildx v0.36.1 abc\n"}, nil
		}
		return docker(c)
	}
	return o
}

// An engine that turns out to be another than it was taken for is given no image for what
// it is not, and what it builds is not remembered as that.
func TestRun_AnEngineThatIsAnother(t *testing.T) {
	mine, other := runtime.GOOS+"/"+runtime.GOARCH, runtime.GOOS+"/s390x"
	w, r := newWorld(t), &fakeRegistry{platform: mine}
	o := options(t, w)
	o.Registry = r
	o = here(t, w, o, runtime.GOARCH)
	first, err := Run(t.Context(), o)
	if want := first.Content.Tag() + "=" + digest; err != nil || first.Tool.Platform != mine || !slices.Equal(r.tagged, []string{want}) {
		t.Fatalf("%+v, %v, %q", first.Tool, err, r.tagged)
	}
	key := first.Content.Value
	r.have = map[string]registry.Manifest{first.Content.Tag(): {Digest: stored, Labels: map[string]string{contentLabel: key}, Platforms: []string{mine}}}
	res, err := Run(t.Context(), o)
	if err != nil || res.Built || res.Digest != stored {
		t.Errorf("%+v, %v", res, err)
	}

	// It is found for what the engine is not, so the engine is asked and builds.
	w, r.platform, r.tagged = newWorld(t), other, nil
	o = here(t, w, o, "s390x")
	res, err = Run(t.Context(), o)
	if want := res.Content.Tag() + "=" + digest; err != nil || !res.Built || res.Content.Value == key || !slices.Equal(r.tagged, []string{want}) {
		t.Errorf("%+v, %v, %q", res, err, r.tagged)
	}

	// Nothing is found, so it is not asked, and the image tells.
	r.have, r.tagged = nil, nil
	res, err = Run(t.Context(), o)
	if last := res.steps[len(res.steps)-1]; err != nil || !res.Built || len(r.tagged) != 0 || last.detail != "not remembered: it is for "+other+", which the engine was not taken for" {
		t.Errorf("%+v, %v, %q, %+v", res, err, r.tagged, last)
	}

	// With platforms given, bases may be chosen by what the engine is.
	o.Features.Platforms, r.platform = []string{mine}, mine
	res, err = Run(t.Context(), o)
	if last := res.steps[len(res.steps)-1]; err != nil || !res.Built || len(r.tagged) != 0 || last.detail != "not remembered: the engine builds for "+other+" and not for "+mine {
		t.Errorf("%+v, %v, %q, %+v", res, err, r.tagged, last)
	}
}
