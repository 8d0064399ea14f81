package builder

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/buenhyden/hy-home/internal/run"
	"github.com/buenhyden/hy-home/testbed/buildkit"
)

// shell is an image with a shell that the bed's registry has.
const shell = "localhost:5001/library/redis:7.0.15"

// bedBuild is one build on the real thing.
type bedBuild struct {
	*buildkit.Bed
	tool Tool
	log  bytes.Buffer
	o    Options
}

// newBedBuild makes a context of the files; "Dockerfile" is among them.
func newBedBuild(t *testing.T, bed *buildkit.Bed, files map[string]string) *bedBuild {
	t.Helper()
	dir := t.TempDir()
	for file, text := range files {
		write(t, filepath.Join(dir, file), text)
	}
	tool, err := Find(t.Context(), run.Exec{}, Search{Commands: []string{bed.Docker}})
	if err != nil {
		t.Fatal(err)
	}
	b := &bedBuild{Bed: bed, tool: tool}
	tag := fmt.Sprintf("%x", time.Now().UnixNano())
	b.o = Options{Context: dir, Push: true, Refs: []string{bed.Registry + "/test/builder:" + tag}, ConfigDir: bed.ConfigDir, Log: &b.log}
	return b
}

func (b *bedBuild) build(t *testing.T) Image {
	t.Helper()
	img, err := Build(t.Context(), run.Exec{}, b.tool, b.o)
	if err != nil {
		t.Fatalf("%v\n%s", err, b.log.String())
	}
	return img
}

// pushed is the index in the registry under the first reference.
func (b *bedBuild) pushed(t *testing.T, digest string) v1.ImageIndex {
	t.Helper()
	ref, err := name.ParseReference(b.o.Refs[0])
	if err != nil {
		t.Fatal(err)
	}
	index, err := remote.Index(ref)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := index.Digest(); err != nil || got.String() != digest {
		t.Errorf("the registry has %s, %v, and the build says %s", got, err, digest)
	}
	return index
}

// file is what an image has at a path; what images of scratch have is in one layer.
func file(t *testing.T, img v1.Image, path string) string {
	t.Helper()
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range layers {
		text, ok := untar(t, l)[path]
		if ok {
			return text
		}
	}
	return ""
}

const crossDockerfile = `
FROM --platform=$BUILDPLATFORM ` + shell + ` AS build
ARG TARGETARCH
RUN echo "$TARGETARCH" >/arch; cat /proc/sys/kernel/random/uuid >/made
FROM scratch
COPY --from=build /arch /made /
`

func TestBed_PlatformsCacheAndAttestations(t *testing.T) {
	bed := buildkit.New(t)
	bed.Start(t)
	cache := bed.Registry + "/test/builder-cache:" + fmt.Sprintf("%x", time.Now().UnixNano())
	first := newBedBuild(t, bed, map[string]string{"Dockerfile": crossDockerfile})
	first.o.Platforms = []string{"linux/amd64", "linux/arm64"}
	first.o.Provenance = "mode=max"
	first.o.CacheTo = []string{"type=registry,mode=max,ref=" + cache}
	img := first.build(t)
	if img.Made != "" {
		t.Errorf("a builder was made for %s, and there is one that can", img.Made)
	}
	manifest, err := first.pushed(t, img.Digest).IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	made := map[string]string{}
	var attestations []string
	for _, m := range manifest.Manifests {
		if m.Annotations["vnd.docker.reference.type"] == "attestation-manifest" {
			attestations = append(attestations, m.Annotations["vnd.docker.reference.digest"])
			continue
		}
		child, err := first.pushed(t, img.Digest).Image(m.Digest)
		if err != nil {
			t.Fatal(err)
		}
		if arch := strings.TrimSpace(file(t, child, "arch")); arch != m.Platform.Architecture {
			t.Errorf("the image for %s was built for %q", m.Platform, arch)
		}
		made[m.Digest.String()] = file(t, child, "made")
	}
	if len(made) != 2 || len(attestations) != 2 || made[attestations[0]] == "" || made[attestations[1]] == "" {
		t.Errorf("%d images and attestations of %q", len(made), attestations)
	}

	// A builder that knows nothing takes the same steps from the registry.
	bed.Start(t)
	second := newBedBuild(t, bed, map[string]string{"Dockerfile": crossDockerfile})
	second.o.Platforms = []string{"linux/amd64"}
	second.o.CacheFrom = []string{"type=registry,ref=" + cache}
	img = second.build(t)
	ref, err := name.ParseReference(second.o.Refs[0])
	if err != nil {
		t.Fatal(err)
	}
	image, err := remote.Image(ref)
	if err != nil {
		t.Fatal(err)
	}
	got := file(t, image, "made")
	found := false
	for _, m := range made {
		found = found || got == m
	}
	if !found || got == "" {
		t.Errorf("built anew, not from the cache:\n%s", second.log.String())
	}
	if digest, err := image.Digest(); err != nil || digest.String() != img.Digest {
		t.Errorf("without attestations it is %v, want an image of the digest %s", digest, img.Digest)
	}
}

func TestBed_PushByDigest(t *testing.T) {
	bed := buildkit.New(t)
	bed.Start(t)
	b := newBedBuild(t, bed, map[string]string{"Dockerfile": "FROM scratch\nCOPY Dockerfile /\n"})
	b.o.Outputs = []string{"type=image,push-by-digest=true,name-canonical=true"}
	img := b.build(t)
	tag, err := name.ParseReference(b.o.Refs[0])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := remote.Head(tag.Context().Digest(img.Digest)); err != nil {
		t.Errorf("the registry has no %s: %v", img.Digest, err)
	}
	if _, err := remote.Head(tag); err == nil {
		t.Error("the tag was pushed too")
	}
}

// scanner stands for BuildKit's own, which would have to be pulled.
const scanner = "FROM " + shell + `
RUN printf '%s\n' 'echo "{\"predicateType\":\"https://spdx.dev/Document\",\"predicate\":{\"name\":\"stand-in\"}}" >"$BUILDKIT_SCAN_DESTINATION/s.spdx.json"' >/scan
ENTRYPOINT ["/bin/sh", "/scan"]
`

func TestBed_SBOM(t *testing.T) {
	bed := buildkit.New(t)
	bed.Start(t)
	generator := newBedBuild(t, bed, map[string]string{"Dockerfile": scanner})
	generator.build(t)
	b := newBedBuild(t, bed, map[string]string{"Dockerfile": "FROM scratch\nCOPY Dockerfile /\n"})
	b.o.SBOM = "generator=" + generator.o.Refs[0]
	b.build(t)
	found := false
	for _, blob := range blobs(t, b.o.Refs[0]) {
		found = found || bytes.Contains(blob, []byte(`"name":"stand-in"`))
	}
	if !found {
		t.Error("no SBOM in the registry")
	}
}
