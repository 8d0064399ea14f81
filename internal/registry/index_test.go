package registry

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/registry/registrytest"
)

// pushAttested puts an index into the repository as BuildKit does it: an image for a
// platform, and beside it what is attested of it.
func pushAttested(t *testing.T, r Repository, arch string, predicates ...string) string {
	t.Helper()
	image, err := random.Image(256, 2)
	if err != nil {
		t.Fatal(err)
	}
	of := digestOf(t, image)
	attestation := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
	for _, p := range predicates {
		layer := static.NewLayer([]byte(`{"of":"`+of+p+`"}`), "application/vnd.in-toto+json")
		if attestation, err = mutate.Append(attestation, mutate.Addendum{Layer: layer, Annotations: map[string]string{predicate: p}}); err != nil {
			t.Fatal(err)
		}
	}
	index := mutate.AppendManifests(mutate.IndexMediaType(empty.Index, types.OCIImageIndex),
		mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}}},
		mutate.IndexAddendum{Add: attestation, Descriptor: v1.Descriptor{
			Platform:    &v1.Platform{OS: "unknown", Architecture: "unknown"},
			Annotations: map[string]string{attests: of, "vnd.docker.reference.type": "attestation-manifest"},
		}})
	digest := digestOf(t, index)
	if err := remote.WriteIndex(r.repo.Digest(digest), index); err != nil {
		t.Fatal(err)
	}
	return digest
}

func merge(t *testing.T, r Repository, tags []string, values ...string) (string, error) {
	t.Helper()
	parts, err := ParseParts("merge", r, values)
	if err != nil {
		t.Fatal(err)
	}
	digest, _, err := quick().Merge(t.Context(), r, parts, tags)
	return digest, err
}

func TestMerge(t *testing.T) {
	s := registrytest.New(t)
	r := in(t, s)
	amd, arm := push(t, r, "amd64", "amd64"), push(t, r, "arm64", "arm64")
	s.Mend()
	digest, err := merge(t, r, []string{"v1", "latest"}, amd, r.Tag("arm64"))
	if err != nil {
		t.Fatal(err)
	}
	if moved := slices.Concat(s.Asked(http.MethodPost, ""), s.Asked(http.MethodPatch, "")); len(moved) > 0 {
		t.Errorf("blobs were moved: %v", moved)
	}
	for _, tag := range []string{"v1", "latest"} {
		if got, err := quick().Digest(t.Context(), r, tag); err != nil || got != digest {
			t.Errorf("%s: %s, %v", tag, got, err)
		}
	}
	got, err := quick().Attestations(t.Context(), r, "v1")
	if err != nil || len(got) != 2 || got[0].Platform != "linux/amd64" || got[0].Digest != amd || got[1].Platform != "linux/arm64" || got[1].Digest != arm {
		t.Errorf("%+v, %v", got, err)
	}
	// What was merged can be merged again, with one more.
	if _, err := merge(t, r, []string{"v2"}, digest, push(t, r, "s390x", "s390x")); err != nil {
		t.Error(err)
	}
	if _, err := merge(t, r, []string{"v3"}, digest, amd); exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), "both for linux/amd64") {
		t.Errorf("%v", err)
	}
	if _, err := quick().Digest(t.Context(), r, "v3"); err == nil {
		t.Error("what could not be merged has a tag")
	}
}

func TestMerge_KeepsAttestations(t *testing.T) {
	r := in(t, registrytest.New(t))
	const sbom, provenance = "https://spdx.dev/Document", "https://slsa.dev/provenance/v0.2"
	if _, err := merge(t, r, []string{"v1"}, pushAttested(t, r, "amd64", sbom, provenance), pushAttested(t, r, "arm64", provenance), push(t, r, "x", "s390x")); err != nil {
		t.Fatal(err)
	}
	got, err := quick().Attestations(t.Context(), r, "v1")
	if err != nil || len(got) != 3 {
		t.Fatalf("%+v, %v", got, err)
	}
	for i, want := range [][]string{{sbom, provenance}, {provenance}, nil} {
		if !slices.Equal(got[i].Predicates, want) {
			t.Errorf("%s: %q, want %q", got[i].Platform, got[i].Predicates, want)
		}
	}
	// The summary's layers are those of a machine's image.
	if m, err := quick().Read(t.Context(), r, "v1"); err != nil || len(m.Layers) != 2 {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestParseParts(t *testing.T) {
	r := in(t, registrytest.New(t))
	digest := "sha256:" + strings.Repeat("a", 64)
	for value, want := range map[string]string{
		digest:                     "",
		r.Digest(digest):           "",
		r.Host() + "/other:v1":     "",
		"sha256:abc":               "holds",
		"backend":                  "holds",
		"ghcr.io/acme/x@" + digest: "which is at registry ghcr.io",
	} {
		_, err := ParseParts("merge", r, []string{value})
		if (err == nil) != (want == "") || err != nil && (exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", value, err, want)
		}
	}
}
