package registry

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/buenhyden/hy-home/internal/registry/registrytest"
)

// pushIndex puts an image of two platforms under library/app:1.
func pushIndex(t *testing.T, a *registrytest.Registry) (v1.ImageIndex, v1.Image) {
	t.Helper()
	var adds []mutate.IndexAddendum
	var first v1.Image
	for _, arch := range []string{"amd64", "arm64"} {
		image, err := random.Image(1000, 3)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = image
		}
		adds = append(adds, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}}})
	}
	index := mutate.AppendManifests(empty.Index, adds...)
	ref, err := name.ParseReference(a.Host + "/library/app:1")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(ref, index); err != nil {
		t.Fatal(err)
	}
	a.Mend() // pushing asks too
	return index, first
}

func sizeOf(t *testing.T, image v1.Image) int64 {
	t.Helper()
	m, err := image.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	n := m.Config.Size
	for _, l := range m.Layers {
		n += l.Size
	}
	return n
}

func TestImages_DescribeThroughAnother(t *testing.T) {
	a := registrytest.New(t)
	index, image := pushIndex(t, a)
	digest := digestOf(t, index)
	want := Described{Digest: digest, Size: sizeOf(t, image)}
	for _, ref := range []string{"app:1", "docker.io/library/app:1", "quay.io/library/app:1", "library/app@" + digest} {
		got, err := Images{Via: a.URL}.Describe(t.Context(), ref)
		if err != nil || got != want {
			t.Errorf("%s: got %+v, %v, want %+v", ref, got, err, want)
		}
	}
	if _, err := (Images{Via: a.URL}).Describe(t.Context(), "app:2"); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "app:2 at "+a.URL) {
		t.Errorf("a tag that is not there: %v", err)
	}
	if _, err := (Images{Via: "http://127.0.0.1:1"}).Describe(t.Context(), "app:1"); !errors.Is(err, ErrUnreachable) {
		t.Errorf("a registry that is not there: %v", err)
	}
	for _, via := range []string{"registry:5000", "http://"} {
		if _, err := (Images{Via: via}).Describe(t.Context(), "app:1"); err == nil || errors.Is(err, ErrUnreachable) {
			t.Errorf("%q: %v", via, err)
		}
	}
}

func TestImages_WarmAsksForEachBlobOfThePlatformOnce(t *testing.T) {
	a := registrytest.New(t)
	_, image := pushIndex(t, a)
	got, err := Images{Via: a.URL, Platform: "linux/amd64"}.Warm(t.Context(), "app:1")
	if err != nil || got.Size != sizeOf(t, image) {
		t.Fatalf("got %+v, %v", got, err)
	}
	m, err := image.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	for _, blob := range append(m.Layers, m.Config) {
		if n := len(a.Asked(http.MethodHead, "/blobs/"+blob.Digest.String())); n != 1 {
			t.Errorf("blob %s was asked for %d times", blob.Digest, n)
		}
	}
	if n := len(a.Asked(http.MethodHead, "/blobs/")); n != len(m.Layers)+1 {
		t.Errorf("%d blobs were asked for, want %d: not those of the other platform", n, len(m.Layers)+1)
	}
}
