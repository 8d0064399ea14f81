package workspace

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	jsonyaml "sigs.k8s.io/yaml"

	"github.com/buenhyden/hy-home/internal/values"
)

// readChart reads the chart directory of a component; there may be none.
func readChart(files fs.FS) (values.Chart, error) { return readChartAt(files, "chart") }

func readChartAt(files fs.FS, dir string) (values.Chart, error) {
	c := values.Chart{Defaults: map[string]any{}, Parts: map[string]values.Chart{}}
	if text, err := fs.ReadFile(files, path.Join(dir, "values.yaml")); err == nil {
		if err := jsonyaml.Unmarshal(text, &c.Defaults); err != nil {
			return c, fmt.Errorf("the chart's values: %w", err)
		}
	}
	var meta struct {
		Dependencies []struct{ Name, Alias string } `json:"dependencies"`
	}
	if text, err := fs.ReadFile(files, path.Join(dir, "Chart.yaml")); err == nil {
		if err := jsonyaml.Unmarshal(text, &meta); err != nil {
			return c, fmt.Errorf("Chart.yaml: %w", err)
		}
	}
	for _, d := range meta.Dependencies {
		part, err := readChartAt(files, path.Join(dir, "charts", d.Name))
		if err != nil {
			return c, err
		}
		c.Parts[d.Name], c.Parts[d.Alias] = part, part
	}
	var b strings.Builder
	err := fs.WalkDir(files, path.Join(dir, "templates"), func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil //nolint:nilerr // a chart without templates reads no values
		}
		text, err := fs.ReadFile(files, name)
		b.Write(text)
		return err
	})
	c.Templates = b.String()
	return c, err
}

// replaced is a file system in which one file says something else.
type replaced struct {
	fs.FS
	name string
	text []byte
}

// Open implements [fs.FS].
func (r replaced) Open(name string) (fs.File, error) {
	if name != r.name {
		return r.FS.Open(name)
	}
	return &memFile{Reader: bytes.NewReader(r.text), name: path.Base(name)}, nil
}

// memFile is a file in memory.
type memFile struct {
	*bytes.Reader
	name string
}

func (f *memFile) Stat() (fs.FileInfo, error) { return f, nil }
func (f *memFile) Close() error               { return nil }
func (f *memFile) Name() string               { return f.name }
func (f *memFile) Mode() fs.FileMode          { return 0o444 }
func (f *memFile) ModTime() time.Time         { return time.Time{} }
func (f *memFile) IsDir() bool                { return false }
func (f *memFile) Sys() any                   { return nil }
