// Package image writes container images from files: no engine, no root, and the
// same bytes for the same input.
package image

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Layer is a tar stream that is being written: one layer of an image. Missing
// parent directories come by themselves, owned by root, as all else; times are
// the epoch. What is added twice stays as it was added first. The first error
// sticks and is what Close returns.
type Layer struct {
	tar  *tar.Writer
	seen map[string]bool
	err  error
}

// NewLayer starts a layer.
func NewLayer(w io.Writer) *Layer {
	return &Layer{tar: tar.NewWriter(w), seen: map[string]bool{".": true}}
}

// Close ends the layer and returns the first error of its making.
func (l *Layer) Close() error {
	return errors.Join(l.err, l.tar.Close())
}

// Dir adds a directory; mode may hold the sticky bit as in 0o1777.
func (l *Layer) Dir(name string, mode int64) {
	l.header(&tar.Header{Typeflag: tar.TypeDir, Name: clean(name) + "/", Mode: mode})
}

// Link adds a symbolic link.
func (l *Layer) Link(name, target string) {
	l.header(&tar.Header{Typeflag: tar.TypeSymlink, Name: clean(name), Linkname: target, Mode: 0o777})
}

// Bytes adds a file.
func (l *Layer) Bytes(name string, mode int64, data []byte) {
	l.Stream(name, mode, int64(len(data)), bytes.NewReader(data))
}

// Copy adds a file of this machine.
func (l *Layer) Copy(name string, mode int64, file string) {
	f, err := os.Open(file)
	if err != nil {
		l.fail(err)
		return
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		l.fail(err)
		return
	}
	l.Stream(name, mode, info.Size(), f)
}

// Stream adds a file of the given size.
func (l *Layer) Stream(name string, mode, size int64, r io.Reader) {
	if l.header(&tar.Header{Typeflag: tar.TypeReg, Name: clean(name), Mode: mode, Size: size}) {
		l.write(r)
	}
}

// Entry adds what another tar stream holds, as it is there.
func (l *Layer) Entry(h *tar.Header, r io.Reader) {
	c := *h
	c.Name = strings.TrimPrefix(path.Clean("/"+h.Name), "/")
	if h.Typeflag == tar.TypeDir {
		c.Name += "/"
	}
	if h.Typeflag == tar.TypeLink {
		c.Linkname = clean(h.Linkname)
	}
	c.AccessTime, c.ChangeTime = time.Time{}, time.Time{}
	if l.header(&c) {
		l.write(r)
	}
}

// Tree adds a directory of this machine with all that is below it, keeping
// owners and modes. skip, which may be nil, leaves out paths relative to dir.
func (l *Layer) Tree(name, dir string, skip func(rel string) bool) {
	l.fail(filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		if skip != nil && skip(rel) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		return l.treeEntry(path.Join(name, filepath.ToSlash(rel)), file, d)
	}))
}

func (l *Layer) treeEntry(name, file string, d fs.DirEntry) error {
	info, err := d.Info()
	if err != nil {
		return err
	}
	target := ""
	if info.Mode()&fs.ModeSymlink != 0 {
		if target, err = os.Readlink(file); err != nil {
			return err
		}
	}
	if info.Mode()&(fs.ModeSocket|fs.ModeDevice) != 0 {
		return nil
	}
	h, err := tar.FileInfoHeader(info, target)
	if err != nil {
		return err
	}
	h.Name = clean(name)
	if d.IsDir() {
		h.Name += "/"
	}
	h.Uname, h.Gname, h.ModTime = "", "", time.Time{}
	h.AccessTime, h.ChangeTime = time.Time{}, time.Time{}
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		h.Uid, h.Gid = int(s.Uid), int(s.Gid)
	}
	if !l.header(h) || !info.Mode().IsRegular() {
		return l.err
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	l.write(f)
	return l.err
}

// header writes a header, after those of the parents that were not yet written,
// and reports whether contents are to follow.
func (l *Layer) header(h *tar.Header) bool {
	name := strings.TrimSuffix(h.Name, "/")
	if l.err != nil || l.seen[name] || name == "" {
		return false
	}
	if parent := path.Dir(name); !l.seen[parent] {
		l.Dir(parent, 0o755)
	}
	l.seen[name] = true
	h.Format = tar.FormatPAX
	l.fail(l.tar.WriteHeader(h))
	return l.err == nil
}

func (l *Layer) write(r io.Reader) {
	_, err := io.Copy(l.tar, r)
	l.fail(err)
}

func (l *Layer) fail(err error) {
	if l.err == nil {
		l.err = err
	}
}

func clean(name string) string { return strings.TrimPrefix(path.Clean("/"+name), "/") }
