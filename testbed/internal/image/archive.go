package image

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
)

// Image is an image to be written into an archive.
type Image struct {
	Names  []string // with tags: "docker.io/library/redis:7.0.15"
	Layers []string // tar files of this machine, the lowest first
	Config Config
}

// Config is what a container of the image starts with, in the words of the OCI
// image specification.
type Config struct {
	User       string            `json:",omitempty"`
	Env        []string          `json:",omitempty"`
	Entrypoint []string          `json:",omitempty"`
	Cmd        []string          `json:",omitempty"`
	WorkingDir string            `json:",omitempty"`
	Labels     map[string]string `json:",omitempty"`
	StopSignal string            `json:",omitempty"`
}

// created is the images' date: a real one would change the bytes with each run.
const created = "1970-01-01T00:00:00Z"

// WriteArchive writes images in the form that `docker save` writes and both
// `docker load` and `ctr images import` read. A layer that several images share
// is written once. Layers stay uncompressed: the archive is compressed as a whole.
func WriteArchive(w io.Writer, images ...Image) error {
	a := &archive{tar: tar.NewWriter(w), layers: map[string]string{}}
	for _, i := range images {
		if err := a.add(i); err != nil {
			return fmt.Errorf("image %v: %w", i.Names, err)
		}
	}
	if err := a.json("manifest.json", a.manifest); err != nil {
		return err
	}
	return a.tar.Close()
}

type archive struct {
	tar      *tar.Writer
	layers   map[string]string // file -> digest of what was written
	written  []string          // digests of configs and layers
	manifest []entry
}

type entry struct {
	Config   string
	RepoTags []string
	Layers   []string
}

type imageConfig struct {
	Created      string `json:"created"`
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
	Config       Config `json:"config"`
	RootFS       struct {
		Type    string   `json:"type"`
		DiffIDs []string `json:"diff_ids"`
	} `json:"rootfs"`
	History []map[string]string `json:"history"`
}

func (a *archive) add(i Image) error {
	c := imageConfig{Created: created, Architecture: runtime.GOARCH, OS: "linux", Config: i.Config}
	c.RootFS.Type = "layers"
	e := entry{RepoTags: i.Names}
	for _, file := range i.Layers {
		digest, err := a.layer(file)
		if err != nil {
			return err
		}
		c.RootFS.DiffIDs = append(c.RootFS.DiffIDs, "sha256:"+digest)
		c.History = append(c.History, map[string]string{"created": created, "created_by": "testbed"})
		e.Layers = append(e.Layers, digest+"/layer.tar")
	}
	data, err := json.Marshal(c)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(data)
	e.Config = hex.EncodeToString(sum[:]) + ".json"
	a.manifest = append(a.manifest, e)
	if slices.Contains(a.written, e.Config) {
		return nil
	}
	a.written = append(a.written, e.Config)
	return a.file(e.Config, data)
}

// layer writes a layer once and returns its digest, which is also its name.
func (a *archive) layer(file string) (string, error) {
	if digest, ok := a.layers[file]; ok {
		return digest, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	size, err := io.Copy(h, f)
	if err != nil {
		return "", err
	}
	digest := hex.EncodeToString(h.Sum(nil))
	a.layers[file] = digest
	if slices.Contains(a.written, digest) {
		return digest, nil
	}
	a.written = append(a.written, digest)
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	if err := a.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: digest + "/layer.tar", Mode: 0o644, Size: size}); err != nil {
		return "", err
	}
	_, err = io.Copy(a.tar, f)
	return digest, err
}

func (a *archive) json(name string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return a.file(name, data)
}

func (a *archive) file(name string, data []byte) error {
	if err := a.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(data))}); err != nil {
		return err
	}
	_, err := a.tar.Write(data)
	return err
}
