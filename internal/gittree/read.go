package gittree

import (
	"bytes"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// maxLinks bounds links that lead to links, as an operating system does.
const maxLinks = 40

// Open implements [fs.FS]; the methods below are those of [fs.ReadLinkFS] and the like.
func (t *Tree) Open(name string) (fs.File, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at, n, err := t.find("open", name, true)
	if err != nil {
		return nil, err
	}
	f := &file{Reader: bytes.NewReader(n.Text), info: info{path.Base(name), n}}
	if n.Mode != ModeDir {
		return f, nil
	}
	if !n.whole {
		if err := t.load(t.ctx, []string{at}); err != nil {
			return nil, err
		}
	}
	for _, child := range t.nodes[at].Entries {
		f.children = append(f.children, fs.FileInfoToDirEntry(info{child.Name, t.nodes[path.Join(at, child.Name)]}))
	}
	return f, nil
}

// ReadFile implements [fs.ReadFileFS].
func (t *Tree) ReadFile(name string) ([]byte, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, n, err := t.find("read", name, true)
	if err == nil && n.Mode == ModeDir {
		err = &fs.PathError{Op: "read", Path: name, Err: fs.ErrInvalid}
	}
	if err != nil {
		return nil, err
	}
	return slices.Clone(n.Text), nil
}

// Stat implements [fs.StatFS].
func (t *Tree) Stat(name string) (fs.FileInfo, error) { return t.stat(name, true) }

// Lstat implements [fs.ReadLinkFS].
func (t *Tree) Lstat(name string) (fs.FileInfo, error) { return t.stat(name, false) }

func (t *Tree) stat(name string, follow bool) (fs.FileInfo, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, n, err := t.find("stat", name, follow)
	if err != nil {
		return nil, err
	}
	return info{path.Base(name), n}, nil
}

// ReadLink implements [fs.ReadLinkFS].
func (t *Tree) ReadLink(name string) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, n, err := t.find("readlink", name, false)
	if err == nil && n.Mode != ModeLink {
		err = &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrInvalid}
	}
	if err != nil {
		return "", err
	}
	return string(n.Text), nil
}

// find goes to a path, and on if a link stands there and follow is set. Of a file its text
// is there then.
func (t *Tree) find(op, name string, follow bool) (string, *node, error) {
	fail := func(err error) (string, *node, error) {
		return "", nil, &fs.PathError{Op: op, Path: name, Err: err}
	}
	if !fs.ValidPath(name) {
		return fail(fs.ErrInvalid)
	}
	at := name
	for range maxLinks {
		link := t.linkOn(at, follow)
		if link == "" {
			n := t.known(at)
			if n == nil {
				if err := t.load(t.ctx, []string{at}); err != nil {
					return fail(err)
				}
				n = t.nodes[at]
				if n.Mode == ModeLink && follow {
					continue
				}
			}
			if up := t.above(at); n.Mode == 0 && len(up) > 0 {
				if err := t.load(t.ctx, up); err != nil {
					return fail(err)
				}
				continue // one of them may be a link
			}
			if n.Mode == 0 {
				return fail(fs.ErrNotExist)
			}
			if err := t.text(n); err != nil {
				return fail(err)
			}
			return at, n, nil
		}
		if err := t.text(t.nodes[link]); err != nil {
			return fail(err)
		}
		target, ok := t.target(link, at)
		if !ok {
			return fail(fs.ErrPermission) // it leads out of the repository
		}
		at = target
	}
	return fail(fs.ErrPermission)
}

// above are the directories on the way to a path of which nothing is known: a source that
// finds nothing may have met a link, which it does not follow.
func (t *Tree) above(name string) (unknown []string) {
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if n := t.known(dir); n != nil {
			if n.Mode == 0 {
				return nil
			}
			break
		}
		unknown = append(unknown, dir)
	}
	return unknown
}

// linkOn is the topmost link on the way to a path, as far as is known; with last, the path
// itself may be it.
func (t *Tree) linkOn(name string, last bool) (link string) {
	for dir := name; dir != "."; dir = path.Dir(dir) {
		if n := t.nodes[dir]; n != nil && n.Mode == ModeLink && (dir != name || last) {
			link = dir
		}
	}
	return link
}

// target is where a path leads that goes over a link; false if that is not inside.
func (t *Tree) target(link, name string) (string, bool) {
	to := string(t.nodes[link].Text)
	at := path.Join(path.Dir(link), to, strings.TrimPrefix(name, link))
	return at, !path.IsAbs(to) && fs.ValidPath(at)
}

// resolved follows the links on a path as far as they are known.
func (t *Tree) resolved(name string) string {
	for range maxLinks {
		link := t.linkOn(name, true)
		if link == "" || !t.nodes[link].whole {
			break
		}
		at, ok := t.target(link, name)
		if !ok {
			break
		}
		name = at
	}
	return name
}

// text brings what a file or link holds.
func (t *Tree) text(n *node) (err error) {
	if n.whole || n.Mode == ModeDir {
		return nil
	}
	n.Text, err = t.source.Blob(t.ctx, n.OID)
	n.whole = err == nil
	return err
}

type info struct {
	name string
	*node
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return int64(len(i.Text)) }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return i.node.Mode == ModeDir }
func (i info) Sys() any           { return nil }
func (i info) Mode() fs.FileMode {
	switch i.node.Mode {
	case ModeDir:
		return fs.ModeDir | 0o755
	case ModeLink:
		return fs.ModeSymlink | 0o777
	case ModeModule:
		return fs.ModeIrregular
	}
	return fs.FileMode(i.node.Mode & 0o777)
}

type file struct {
	*bytes.Reader
	info     info
	children []fs.DirEntry
}

func (f *file) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *file) Close() error               { return nil }

// ReadDir implements [fs.ReadDirFile].
func (f *file) ReadDir(n int) ([]fs.DirEntry, error) {
	all := f.children
	if n > 0 {
		if len(all) == 0 {
			return nil, io.EOF
		}
		all = all[:min(n, len(all))]
	}
	f.children = f.children[len(all):]
	return all, nil
}
