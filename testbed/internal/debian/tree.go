package debian

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Tree is a root that can be looked into. Paths are absolute; symbolic links
// are followed within the root.
type Tree struct {
	f       *os.File
	entries map[string]entry
}

type entry struct {
	header *tar.Header
	offset int64 // of the contents in the tar file
}

// Open reads the list of contents of a root's artifact directory.
func Open(dir string) (*Tree, error) {
	f, err := os.Open(filepath.Join(dir, tarName))
	if err != nil {
		return nil, err
	}
	t := &Tree{f: f, entries: map[string]entry{}}
	err = t.each(func(h *tar.Header, _ io.Reader) error {
		offset, err := f.Seek(0, io.SeekCurrent) // archive/tar reads no further than the header
		t.entries[path.Clean("/"+h.Name)] = entry{h, offset}
		return err
	})
	if err != nil {
		f.Close()
		return nil, err
	}
	return t, nil
}

// Close ends the use of a tree.
func (t *Tree) Close() error { return t.f.Close() }

func (t *Tree) each(see func(*tar.Header, io.Reader) error) error {
	if _, err := t.f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	for r := tar.NewReader(t.f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = see(h, r)
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", t.f.Name(), err)
		}
	}
}

// All calls see with every entry in the order of the tar file.
func (t *Tree) All(see func(name string, h *tar.Header, r io.Reader) error) error {
	return t.each(func(h *tar.Header, r io.Reader) error { return see(path.Clean("/"+h.Name), h, r) })
}

// Glob lists the paths that match a pattern, sorted.
func (t *Tree) Glob(pattern string) []string {
	var names []string
	for name := range t.entries {
		if ok, _ := path.Match(pattern, name); ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// File opens a regular file.
func (t *Tree) File(name string) (*io.SectionReader, error) {
	e, err := t.resolve(name, 0)
	if err != nil {
		return nil, err
	}
	if e.header.Typeflag != tar.TypeReg {
		return nil, fmt.Errorf("%s is not a file", name)
	}
	return io.NewSectionReader(t.f, e.offset, e.header.Size), nil
}

// Has reports whether a path leads to something.
func (t *Tree) Has(name string) bool {
	_, err := t.resolve(name, 0)
	return err == nil
}

// linkLimit is the kernel's own bound for links in one path.
const linkLimit = 40

// resolve walks a path from the root, as the kernel would do in a chroot.
func (t *Tree) resolve(name string, links int) (entry, error) {
	if links > linkLimit {
		return entry{}, fmt.Errorf("%s: too many links", name)
	}
	at := "/"
	rest := strings.Split(strings.Trim(path.Clean(name), "/"), "/")
	for i, part := range rest {
		at = path.Join(at, part)
		e, ok := t.entries[at]
		if !ok {
			return entry{}, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}
		remaining := path.Join(rest[i+1:]...)
		switch e.header.Typeflag {
		case tar.TypeSymlink:
			target := e.header.Linkname
			if !path.IsAbs(target) {
				target = path.Join(path.Dir(at), target)
			}
			return t.resolve(path.Join(target, remaining), links+1)
		case tar.TypeLink:
			return t.resolve(path.Join("/", e.header.Linkname, remaining), links+1)
		}
	}
	return t.entries[at], nil
}
