package builder

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

func sum(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) }

// untar reads the files of a layer.
func untar(t *testing.T, l v1.Layer) map[string]string {
	t.Helper()
	r, err := l.Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	files := map[string]string{}
	for archive := tar.NewReader(r); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		files[strings.TrimPrefix(h.Name, "./")] = string(text)
	}
}

// blobs are all that a reference leads to in the registry, by digest: manifests,
// configurations and layers, of images and of caches alike.
func blobs(t *testing.T, reference string) map[string][]byte {
	t.Helper()
	ref, err := name.ParseReference(reference)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]byte{}
	var follow func(name.Reference)
	follow = func(at name.Reference) {
		desc, err := remote.Get(at)
		if err != nil {
			t.Fatal(err)
		}
		got[desc.Digest.String()] = desc.Manifest
		var m struct {
			Manifests, Layers []v1.Descriptor
			Config            v1.Descriptor
		}
		if err := json.Unmarshal(desc.Manifest, &m); err != nil {
			t.Fatal(err)
		}
		for _, child := range m.Manifests {
			if strings.Contains(string(child.MediaType), "manifest") || strings.Contains(string(child.MediaType), "index") {
				follow(ref.Context().Digest(child.Digest.String()))
			} else {
				m.Layers = append(m.Layers, child) // an older form of caches
			}
		}
		if m.Config.Digest.Hex != "" {
			m.Layers = append(m.Layers, m.Config)
		}
		for _, l := range m.Layers {
			if got[l.Digest.String()] == nil {
				got[l.Digest.String()] = blob(t, ref.Context().Digest(l.Digest.String()))
			}
		}
	}
	follow(ref)
	return got
}

func blob(t *testing.T, at name.Digest) []byte {
	t.Helper()
	l, err := remote.Layer(at)
	if err != nil {
		t.Fatal(err)
	}
	r, err := l.Compressed()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if z, err := gzip.NewReader(bytes.NewReader(text)); err == nil {
		if text, err = io.ReadAll(z); err != nil {
			t.Fatal(err)
		}
	}
	return text
}
