package imagediff

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// archive is a tar file of images, as "docker save" and BuildKit's OCI exporter
// write it, with random access.
type archive struct {
	file    *os.File
	entries map[string]extent
}

type extent struct{ offset, size int64 }

// image is one image of an archive.
type image struct {
	platform string
	digest   string // of the manifest; "" where there is none
	config   []byte
	layers   []string // entries of the archive
}

func open(name string) (*archive, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	a := &archive{file: f, entries: map[string]extent{}}
	r := tar.NewReader(f)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return a, nil
		}
		var at int64
		if err == nil {
			at, err = f.Seek(0, io.SeekCurrent) // the reader reads whole blocks and no further
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("read %s: %w", name, err), f.Close())
		}
		a.entries[path.Clean(h.Name)] = extent{at, h.Size}
	}
}

func (a *archive) close() { _ = a.file.Close() }

func (a *archive) reader(name string) (*io.SectionReader, error) {
	e, ok := a.entries[path.Clean(name)]
	if !ok {
		return nil, fmt.Errorf("%s has no %s", a.file.Name(), name)
	}
	return io.NewSectionReader(a.file, e.offset, e.size), nil
}

func (a *archive) decode(name string, into any) ([]byte, error) {
	r, err := a.reader(name)
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return nil, fmt.Errorf("%s in %s: %w", name, a.file.Name(), err)
	}
	return raw, nil
}

// images are those for machines; attestations are not compared, for they tell when
// a build ran.
func (a *archive) images() ([]image, error) {
	if _, ok := a.entries["index.json"]; ok {
		var index v1.Index
		if _, err := a.decode("index.json", &index); err != nil {
			return nil, err
		}
		return a.indexed(index)
	}
	var saved []struct {
		Config string
		Layers []string
	}
	if _, err := a.decode("manifest.json", &saved); err != nil {
		return nil, err
	}
	var out []image
	for _, s := range saved {
		var config v1.Image
		raw, err := a.decode(s.Config, &config)
		if err != nil {
			return nil, err
		}
		out = append(out, image{platform: config.OS + "/" + config.Architecture, config: raw, layers: s.Layers})
	}
	return out, nil
}

func (a *archive) indexed(index v1.Index) ([]image, error) {
	var out []image
	for _, d := range index.Manifests {
		blob := "blobs/" + strings.ReplaceAll(d.Digest.String(), ":", "/")
		if strings.Contains(d.MediaType, "index") || strings.Contains(d.MediaType, "list") {
			var nested v1.Index
			if _, err := a.decode(blob, &nested); err != nil {
				return nil, err
			}
			images, err := a.indexed(nested)
			if err != nil {
				return nil, err
			}
			out = append(out, images...)
			continue
		}
		if d.Platform != nil && d.Platform.OS == "unknown" {
			continue
		}
		var m v1.Manifest
		if _, err := a.decode(blob, &m); err != nil {
			return nil, err
		}
		var config v1.Image
		raw, err := a.decode("blobs/"+strings.ReplaceAll(m.Config.Digest.String(), ":", "/"), &config)
		if err != nil {
			return nil, err
		}
		i := image{platform: config.OS + "/" + config.Architecture, digest: d.Digest.String(), config: raw}
		for _, l := range m.Layers {
			i.layers = append(i.layers, "blobs/"+strings.ReplaceAll(l.Digest.String(), ":", "/"))
		}
		out = append(out, i)
	}
	return out, nil
}
