package buildpush

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/builder"
	"github.com/buenhyden/hy-home/internal/docker"
	"github.com/buenhyden/hy-home/testbed/buildkit"
)

// All that can be asked of an image at once: compared, built for two platforms, with
// attestations and annotations, verified, found again, and merged.
func TestBed_AllOfIt(t *testing.T) {
	k := buildkit.New(t)
	k.Start(t)
	b := newBed(t)
	files := map[string]string{"Dockerfile": "FROM scratch\nCOPY app /\n", "app": b.prefix}
	options := func(tags ...string) Options {
		o := b.options(t, "app", files, tags...)
		o.Docker, o.ConfigDir, o.VerifyReproducible, o.Epoch = []string{k.Docker}, k.ConfigDir, true, "1700000000"
		o.Annotations = []string{"index:team=shop"}
		o.Features = builder.Features{Platforms: []string{"linux/amd64", "linux/arm64/v8"}, Provenance: "mode=max"}
		return o
	}
	first := b.run(t, options("v1"))
	if !first.Built || !slices.Equal(first.Manifest.Platforms, []string{"linux/amd64", "linux/arm64"}) || first.Content.Value == "" {
		t.Fatalf("%+v", first)
	}
	second := b.run(t, options("v2"))
	if second.Built || second.Digest != first.Digest || b.digest(t, options(), "v2") != first.Digest {
		t.Errorf("%+v", second)
	}
	plain := options("v3")
	plain.Features.Provenance = ""
	if third := b.run(t, plain); !third.Built || third.Digest == first.Digest {
		t.Errorf("without attestations it is another image: %+v", third)
	}
	var parts []string
	for _, platform := range []string{"linux/amd64", "linux/arm64"} {
		o := options("part")
		o.Features.Platforms, o.Features.Outputs, o.VerifyReproducible = []string{platform}, []string{"type=image,push-by-digest=true"}, false
		part := b.run(t, o)
		if part.Ref() != o.Image+"@"+part.Digest {
			t.Errorf("%s", part.Ref())
		}
		parts = append(parts, part.Digest)
	}
	o := options("merged")
	o.Merge, o.Annotations = parts, nil
	if merged := b.run(t, o); !slices.Equal(merged.Manifest.Platforms, []string{"linux/amd64", "linux/arm64"}) || !slices.ContainsFunc(merged.Labels, func(l string) bool {
		return strings.HasPrefix(l, contentLabel+"=")
	}) {
		t.Errorf("%+v", merged)
	}
}

// Without a docker command, the engine makes and saves the images that are compared.
func TestBed_ReproducedByTheEngineAlone(t *testing.T) {
	b := newBed(t)
	o := b.options(t, "app", map[string]string{"Dockerfile": "FROM scratch\nCOPY app /\n", "app": b.prefix}, "v1")
	o.Docker, o.API, o.VerifyReproducible = nil, &docker.Engine{Host: os.Getenv("DOCKER_HOST")}, true
	res, err := Run(t.Context(), o)
	// The classic builder writes into an image in which container it was made.
	if err == nil || !strings.Contains(err.Error(), "make two images: configuration") || res.Ref() != "" {
		t.Errorf("%q, %v", res.Ref(), err)
	}
	o.VerifyReproducible = false
	if res := b.run(t, o); res.Tool.Mode != builder.Engine || res.Digest == "" || res.Content.Value == "" {
		t.Errorf("%+v", res)
	}
}
