package catalog

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/buenhyden/hy-home/internal/exit"
)

// sizesDir of a component holds a directory for each size other than the
// component's own: component.yaml there says what differs, and a file beside it
// takes the place of the component's file of that name. With `from` it starts from
// another of the sizes.
const sizesDir = "sizes"

// Slim is the size that a component has without choosing one: what its own
// component.yaml says.
const Slim = "slim"

// Sized is the component at a size: "" and [Slim] are itself. A size that it does
// not have is bad input.
func (c Component) Sized(size string) (Component, error) {
	if size == "" || size == Slim {
		return c, nil
	}
	sized, ok := c.sizes[size]
	if !ok {
		return c, exit.BadInputf("component %s has no size %q; there are: %s", c.Name, size, strings.Join(c.Sizes(), ", "))
	}
	return sized, nil
}

// Sizes are the sizes that a component has, the own one first.
func (c Component) Sizes() []string {
	return append([]string{Slim}, slices.Sorted(maps.Keys(c.sizes))...)
}

// loadSizes reads the sizes of a component. In YAML's way a size says again, in
// whole, each list that differs; single settings are put over the component's.
func loadSizes(fsys fs.FS, dir string, files fs.FS) (map[string]Component, error) {
	entries, err := fs.ReadDir(fsys, path.Join(dir, sizesDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	sizes := map[string]Component{}
	for _, e := range entries {
		c, err := loadSize(fsys, dir, e.Name(), files)
		if err != nil {
			return nil, err
		}
		sizes[c.Size] = c
	}
	return sizes, nil
}

func loadSize(fsys fs.FS, dir, size string, files fs.FS) (Component, error) {
	at := path.Join(dir, sizesDir, size)
	var own, c Component
	if err := decodeFile(fsys, path.Join(at, componentFile), &own); err != nil {
		return c, err
	}
	if own.Name != "" || size == Slim || !nameForm.MatchString(size) {
		return c, fmt.Errorf("%s: a size is called anything but %s, and leaves the component's name alone", at, Slim)
	}
	if own.From == size {
		return c, fmt.Errorf("%s: it is from itself", at)
	}
	// The lowest first: the component, the size that this one is from, this one.
	layers := []string{dir, at}
	if own.From != "" {
		layers = []string{dir, path.Join(dir, sizesDir, own.From), at}
	}
	c.Files = files
	for i, layer := range layers {
		if err := decodeFile(fsys, path.Join(layer, componentFile), &c); err != nil {
			return c, err
		}
		if i == 0 {
			continue
		}
		upper, err := fs.Sub(fsys, layer)
		if err != nil {
			return c, fmt.Errorf("%s: %w", layer, err)
		}
		c.Files = over{upper, c.Files}
	}
	c.Size, c.From = size, ""
	return c, c.readCertificates(path.Join(at, componentFile))
}

// over is a file system whose files take the place of those below. Directories
// are those of the upper one where it has them, whole.
type over struct{ upper, lower fs.FS }

// Open implements [fs.FS].
func (o over) Open(name string) (fs.File, error) {
	if name != "." {
		if f, err := o.upper.Open(name); !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
	}
	return o.lower.Open(name)
}
