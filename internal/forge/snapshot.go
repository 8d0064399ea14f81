package forge

import (
	"bytes"
	"context"
	"crypto/sha1" //nolint:gosec // Git names a file's contents by SHA-1; it is compared with that name, and protects nothing
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Snapshot is the tree of one commit, brought piece by piece: a directory with the
// texts of its files at a time. What is not there yet is fetched when it is opened;
// [Snapshot.Load] fetches many pieces in one request. It is an [fs.ReadLinkFS].
type Snapshot struct {
	Commit string // SHA

	c   *Client
	ctx context.Context // of the update that reads; fs.FS has no place for it

	mu      sync.Mutex
	entries map[string]*entry
	asked   []string // what was loaded, for whoever reads the next head
}

// entry is what is known at a path.
type entry struct {
	mode   int64  // as Git writes it: 0o100644 and the like; 0 is missing
	oid    string // Git's name of a blob
	text   []byte
	loaded bool // text, or the directory's names, are there
	names  []string
}

// Git's modes of what is no plain file.
const (
	modeTree    = 0o040000
	modeLink    = 0o120000
	modeModule  = 0o160000
	modeRegular = 0o100644
)

// treeEntry is GraphQL's TreeEntry, as far as entryFields asks.
type treeEntry struct {
	Name   string
	Mode   int64
	OID    string
	Object *struct {
		Typename    string `json:"__typename"`
		Text        *string
		IsTruncated bool
		Entries     []treeEntry
	}
}

const (
	blobFields  = `... on Blob { text isTruncated }`
	entryFields = `fragment entry on TreeEntry { name mode oid object { __typename ` + blobFields + ` ... on Tree { entries { name mode oid object { __typename ` + blobFields + ` } } } } }`
)

// piecesField asks for paths of a commit: the field names p0, p1, ... and their variables.
func piecesField(paths []string, variables map[string]any) (declared, fields string) {
	var d, f strings.Builder
	for i, name := range paths {
		n := strconv.Itoa(i)
		if name == "." {
			fmt.Fprintf(&f, " p%s: tree { entries { name mode oid object { __typename %s } } }", n, blobFields)
			continue
		}
		fmt.Fprintf(&d, ", $p%s: String!", n)
		fmt.Fprintf(&f, " p%s: file(path: $p%s) { ...entry }", n, n)
		variables["p"+n] = name
	}
	return d.String(), f.String()
}

func (c *Client) newSnapshot(ctx context.Context, commit string) *Snapshot {
	return &Snapshot{Commit: commit, c: c, ctx: ctx, entries: map[string]*entry{}}
}

// known finds what is known of a path; nil if nothing.
func (s *Snapshot) known(name string) *entry {
	if e := s.entries[name]; e != nil {
		return e
	}
	for dir := name; dir != "."; {
		dir = path.Dir(dir)
		if e := s.entries[dir]; e != nil {
			if e.mode != modeTree && e.mode != modeLink {
				return &entry{loaded: true} // below a file, or what is missing
			}
			rest := strings.TrimPrefix(strings.TrimPrefix(name, dir), "/")
			if dir == "." {
				rest = name
			}
			first, _, _ := strings.Cut(rest, "/")
			if e.loaded && !slices.Contains(e.names, first) {
				return &entry{loaded: true}
			}
			return nil
		}
	}
	return nil
}

// Known tells whether opening a path asks nothing more.
func (s *Snapshot) Known(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.known(s.resolved(path.Clean(name)))
	return e != nil && e.loaded
}

// resolved follows the links on a path as far as they are known.
func (s *Snapshot) resolved(name string) string {
	for range 40 {
		link := ""
		for dir := name; dir != "."; dir = path.Dir(dir) {
			if e := s.entries[dir]; e != nil && e.mode == modeLink && e.loaded {
				link = dir
			}
		}
		target := ""
		if link != "" {
			target = string(s.entries[link].text)
		}
		at := path.Join(path.Dir(link), target, strings.TrimPrefix(name, link))
		if link == "" || path.IsAbs(target) || !fs.ValidPath(at) {
			break
		}
		name = at
	}
	return name
}

// Load fetches paths in one request: of a directory its files, too.
func (s *Snapshot) Load(ctx context.Context, names ...string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var missing []string
	for _, name := range names {
		name = s.resolved(path.Clean(name))
		if e := s.known(name); e == nil || !e.loaded {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing)
	return s.load(ctx, slices.Compact(missing))
}

func (s *Snapshot) load(ctx context.Context, names []string) error {
	variables := map[string]any{"owner": s.c.owner, "name": s.c.name, "commit": s.Commit}
	declared, fields := piecesField(names, variables)
	var out struct {
		Repository struct{ Object pieces }
	}
	document := `query($owner: String!, $name: String!, $commit: GitObjectID!` + declared + `) { repository(owner: $owner, name: $name) { object(oid: $commit) { ... on Commit { oid` + fields + ` } } } } ` + usedFragment(names)
	if err := s.c.query(ctx, document, variables, &out); err != nil {
		return fmt.Errorf("reading %s of %s: %w", strings.Join(names, ", "), s.c.o.Repository, err)
	}
	return s.put(ctx, names, out.Repository.Object)
}

// usedFragment is the fragment, if a field uses it: GraphQL refuses what is not used.
func usedFragment(names []string) string {
	if slices.ContainsFunc(names, func(n string) bool { return n != "." }) {
		return entryFields
	}
	return ""
}

func (s *Snapshot) put(ctx context.Context, names []string, got pieces) error {
	for i, name := range names {
		piece := got["p"+strconv.Itoa(i)]
		s.asked = append(s.asked, name)
		if piece == nil {
			s.entries[name] = &entry{loaded: true}
			continue
		}
		if name == "." {
			piece = &treeEntry{Mode: modeTree, Object: piece.Object}
		}
		if err := s.keep(ctx, name, *piece, true); err != nil {
			return err
		}
		// GitHub follows no links: what is above is directories.
		for dir := path.Dir(name); dir != "." && s.entries[dir] == nil; dir = path.Dir(dir) {
			s.entries[dir] = &entry{mode: modeTree}
		}
	}
	return nil
}

// keep puts an entry and what came with it.
func (s *Snapshot) keep(ctx context.Context, name string, t treeEntry, top bool) error {
	e := &entry{mode: t.Mode, oid: t.OID}
	s.entries[name] = e
	switch {
	case t.Mode == modeModule || t.Object == nil:
		e.loaded = true
	case t.Mode == modeTree:
		if !top {
			return nil // its own entries did not come with it
		}
		e.loaded = true
		for _, child := range t.Object.Entries {
			e.names = append(e.names, child.Name)
			if err := s.keep(ctx, path.Join(name, child.Name), child, false); err != nil {
				return err
			}
		}
	default:
		e.loaded = true
		// The API gives text in UTF-8, cut when it is long: only what hashes to Git's
		// own name is the file.
		if t.Object.Text != nil && !t.Object.IsTruncated && BlobID([]byte(*t.Object.Text)) == t.OID {
			e.text = []byte(*t.Object.Text)
		} else {
			e.loaded = false
		}
	}
	return nil
}

// BlobID is Git's name for a file's contents.
func BlobID(text []byte) string {
	h := sha1.New() //nolint:gosec // Git's name for the contents, as at the import
	fmt.Fprintf(h, "blob %d\x00", len(text))
	h.Write(text)
	return hex.EncodeToString(h.Sum(nil))
}

// find resolves a path, with its last link if follow; of a directory it brings what is in
// it if list.
func (s *Snapshot) find(op, name string, follow, list bool) (string, *entry, error) {
	fail := func(err error) (string, *entry, error) {
		return "", nil, &fs.PathError{Op: op, Path: name, Err: err}
	}
	if !fs.ValidPath(name) {
		return fail(fs.ErrInvalid)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	at := name
	for links := 0; ; links++ {
		link, e, err := s.step(at, follow, list)
		if err != nil {
			return fail(err)
		}
		if link == "" {
			return at, e, nil
		}
		rest := strings.TrimPrefix(strings.TrimPrefix(at, link), "/")
		at = path.Join(path.Dir(link), string(e.text), rest)
		if links > 40 || path.IsAbs(string(e.text)) || !fs.ValidPath(at) {
			return fail(fs.ErrPermission) // a link that leads out of the repository
		}
	}
}

// step gives the entry of a path, or the first link on the way to it.
func (s *Snapshot) step(name string, follow, list bool) (link string, e *entry, err error) {
	for dir := name; dir != "."; dir = path.Dir(dir) {
		if known := s.entries[dir]; known != nil && known.mode == modeLink && (dir != name || follow) {
			link = dir // the topmost that is known
		}
	}
	if link != "" {
		e = s.entries[link]
		if !e.loaded {
			err = s.raw(e)
		}
		return link, e, err
	}
	e = s.known(name)
	if e == nil || list && !e.loaded && e.mode == modeTree {
		if err := s.load(s.ctx, []string{name}); err != nil {
			return "", nil, err
		}
		if e = s.entries[name]; e.mode == modeLink && follow {
			return name, e, nil
		}
	}
	if e.mode == 0 {
		return "", nil, fs.ErrNotExist
	}
	if !e.loaded && e.mode != modeTree {
		err = s.raw(e)
	}
	return "", e, err
}

// raw fetches a file that GraphQL cannot give: one that is long, or not in UTF-8.
func (s *Snapshot) raw(e *entry) error {
	text, _, err := s.c.rest.Git.GetBlobRaw(s.ctx, s.c.owner, s.c.name, e.oid)
	if err != nil {
		return explain(s.ctx, "reading a file of "+s.c.o.Repository, err)
	}
	e.text, e.loaded = text, true
	return nil
}

// Open implements [fs.FS]; the methods below are those of fs.ReadLinkFS and the like.
func (s *Snapshot) Open(name string) (fs.File, error) {
	info, err := s.Stat(name)
	if err != nil {
		return nil, err
	}
	f := &openFile{info: info.(fileInfo)}
	f.Reader = bytes.NewReader(f.info.text)
	if info.IsDir() {
		at, e, err := s.find("open", name, true, true)
		if err != nil {
			return nil, err
		}
		for _, child := range e.names {
			if c := s.entries[path.Join(at, child)]; c != nil {
				f.children = append(f.children, fs.FileInfoToDirEntry(fileInfo{child, c}))
			}
		}
	}
	return f, nil
}

// ReadFile implements [fs.ReadFileFS].
func (s *Snapshot) ReadFile(name string) ([]byte, error) {
	_, e, err := s.find("read", name, true, false)
	if err == nil && e.mode == modeTree {
		err = &fs.PathError{Op: "read", Path: name, Err: fs.ErrInvalid}
	}
	if err != nil {
		return nil, err
	}
	return slices.Clone(e.text), nil
}

// Stat implements [fs.StatFS].
func (s *Snapshot) Stat(name string) (fs.FileInfo, error) { return s.info(name, true) }

// Lstat implements [fs.ReadLinkFS].
func (s *Snapshot) Lstat(name string) (fs.FileInfo, error) { return s.info(name, false) }

func (s *Snapshot) info(name string, follow bool) (fs.FileInfo, error) {
	_, e, err := s.find("stat", name, follow, false)
	if err != nil {
		return nil, err
	}
	return fileInfo{path.Base(name), e}, nil
}

// ReadLink implements [fs.ReadLinkFS].
func (s *Snapshot) ReadLink(name string) (string, error) {
	_, e, err := s.find("readlink", name, false, false)
	if err == nil && e.mode != modeLink {
		err = &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrInvalid}
	}
	if err != nil {
		return "", err
	}
	return string(e.text), nil
}

// mode is what Git has at a path; 0 if nothing is known.
func (s *Snapshot) mode(name string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.known(name); e != nil {
		return e.mode
	}
	return 0
}

type fileInfo struct {
	name string
	*entry
}

func (i fileInfo) Name() string       { return i.name }
func (i fileInfo) Size() int64        { return int64(len(i.text)) }
func (i fileInfo) ModTime() time.Time { return time.Time{} }
func (i fileInfo) IsDir() bool        { return i.Mode().IsDir() }
func (i fileInfo) Sys() any           { return nil }
func (i fileInfo) Mode() fs.FileMode {
	switch i.mode {
	case modeTree:
		return fs.ModeDir | 0o755
	case modeLink:
		return fs.ModeSymlink | 0o777
	case modeModule:
		return fs.ModeIrregular
	}
	return fs.FileMode(i.mode & 0o777)
}

type openFile struct {
	*bytes.Reader
	info     fileInfo
	children []fs.DirEntry
}

func (f *openFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *openFile) Close() error               { return nil }

// ReadDir implements [fs.ReadDirFile].
func (f *openFile) ReadDir(n int) ([]fs.DirEntry, error) {
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
