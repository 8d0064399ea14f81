package image

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

func layerFile(t *testing.T, fill func(*Layer)) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "layer.tar")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	l := NewLayer(f)
	fill(l)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return file
}

type file struct {
	Name, Link, Text string
	Mode             int64
}

func contents(t *testing.T, r io.Reader) []file {
	t.Helper()
	var all []file
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, file{h.Name, h.Linkname, string(text), h.Mode})
	}
}

func TestLayer_AddsParentsOnce(t *testing.T) {
	name := layerFile(t, func(l *Layer) {
		l.Dir("/tmp", 0o1777)
		l.Bytes("/usr/bin/a", 0o755, []byte("A"))
		l.Link("/usr/bin/b", "a")
		l.Dir("/usr", 0o700) // too late: it is written already
		l.Bytes("/usr/bin/a", 0o644, []byte("twice"))
	})
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want := []file{
		{"tmp/", "", "", 0o1777}, {"usr/", "", "", 0o755}, {"usr/bin/", "", "", 0o755},
		{"usr/bin/a", "", "A", 0o755}, {"usr/bin/b", "a", "", 0o777},
	}
	if got := contents(t, f); !reflect.DeepEqual(got, want) {
		t.Errorf("layer holds %v, want %v", got, want)
	}
}

func TestLayer_TreeKeepsModesAndLinks(t *testing.T) {
	dir := t.TempDir()
	for _, err := range []error{
		os.Mkdir(filepath.Join(dir, "sub"), 0o750),
		os.WriteFile(filepath.Join(dir, "sub", "a"), []byte("A"), 0o600),
		os.Symlink("a", filepath.Join(dir, "sub", "b")),
		os.WriteFile(filepath.Join(dir, "skipped"), nil, 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Open(layerFile(t, func(l *Layer) {
		l.Tree("/data", dir, func(rel string) bool { return rel == "skipped" })
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want := []file{{"data/", "", "", 0o755}, {"data/sub/", "", "", 0o750}, {"data/sub/a", "", "A", 0o600}, {"data/sub/b", "a", "", 0o777}}
	if got := contents(t, f); !reflect.DeepEqual(got, want) {
		t.Errorf("layer holds %v, want %v", got, want)
	}
}

func TestLayer_TheFirstErrorSticks(t *testing.T) {
	l := NewLayer(io.Discard)
	l.Copy("/a", 0o644, filepath.Join(t.TempDir(), "absent"))
	l.Bytes("/b", 0o644, nil)
	if err := l.Close(); !os.IsNotExist(errorOf(err)) {
		t.Errorf("Close = %v, want that a file is missing", err)
	}
}

func errorOf(err error) error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()[0]
	}
	return err
}

func TestWriteArchive_SharesLayersAndIsTheSameTwice(t *testing.T) {
	layer := layerFile(t, func(l *Layer) { l.Bytes("/a", 0o644, []byte("A")) })
	images := []Image{
		{Names: []string{"x:1", "y:1"}, Layers: []string{layer}, Config: Config{Cmd: []string{"a"}}},
		{Names: []string{"z:1"}, Layers: []string{layer}, Config: Config{Cmd: []string{"b"}}},
	}
	var one, two bytes.Buffer
	if err := WriteArchive(&one, images...); err != nil {
		t.Fatal(err)
	}
	if err := WriteArchive(&two, images...); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(one.Bytes(), two.Bytes()) {
		t.Error("two archives of the same images differ")
	}
	files := map[string]string{}
	for _, f := range contents(t, &one) {
		if _, twice := files[f.Name]; twice {
			t.Errorf("%s is in the archive twice", f.Name)
		}
		files[f.Name] = f.Text
	}
	var manifest []struct {
		Config           string
		RepoTags, Layers []string
	}
	if err := json.Unmarshal([]byte(files["manifest.json"]), &manifest); err != nil {
		t.Fatal(err)
	}
	if len(manifest) != 2 || len(files) != 4 { // manifest, two configs, one layer
		t.Fatalf("archive has %d images in %d files, want 2 in 4", len(manifest), len(files))
	}
	for i, m := range manifest {
		if !reflect.DeepEqual(m.RepoTags, images[i].Names) {
			t.Errorf("image %d has the names %q", i, m.RepoTags)
		}
		if sum := sha256.Sum256([]byte(files[m.Config])); hex.EncodeToString(sum[:])+".json" != m.Config {
			t.Errorf("image %d: the configuration's name is not its digest", i)
		}
		var config struct {
			RootFS struct {
				DiffIDs []string `json:"diff_ids"`
			} `json:"rootfs"`
		}
		if err := json.Unmarshal([]byte(files[m.Config]), &config); err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256([]byte(files[m.Layers[0]]))
		if want := []string{"sha256:" + hex.EncodeToString(sum[:])}; !reflect.DeepEqual(config.RootFS.DiffIDs, want) {
			t.Errorf("image %d has the layers %q, want %q", i, config.RootFS.DiffIDs, want)
		}
	}
}

func TestSave_ReadsBackWhatItWrote(t *testing.T) {
	dir := t.TempDir()
	i := Image{Names: []string{"x:1"}, Layers: []string{layerFile(t, func(l *Layer) { l.Bytes("/a", 0o644, []byte("A")) })}}
	if err := Save(dir, i); err != nil {
		t.Fatal(err)
	}
	r, err := OpenSaved(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	if err := WriteArchive(&want, i); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want.Bytes()) {
		t.Error("what was read is not what was written")
	}
}
