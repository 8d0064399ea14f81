package forge

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"

	"github.com/buenhyden/hy-home/internal/gittree"
)

// archiveLimit bounds what is kept of an archive. A repository that is bigger is read on
// level by level.
const archiveLimit = 256 << 20

// archive is the whole tree of a commit: entries by path, and what directories hold.
type archive struct {
	entries map[string]gittree.Entry
	names   map[string][]string
}

// unpack brings the whole tree of the commit in one request, however deep its kustomizations
// lie over one another. GitHub answers with the address of a file on another host, which has
// no need of the token.
func (s *snapshot) unpack(ctx context.Context) (*archive, error) {
	req, err := s.c.rest.NewRequest(http.MethodGet, "repos/"+s.c.o.Repository+"/tarball/"+s.commit, nil)
	if err != nil {
		return nil, err
	}
	r, w := io.Pipe()
	defer r.Close() // which ends the copy, wherever it is
	go func() {
		_, err := s.c.rest.Do(ctx, req, w)
		w.CloseWithError(err)
	}()
	a := &archive{entries: map[string]gittree.Entry{}, names: map[string][]string{}}
	if err := a.read(r, archiveLimit); err != nil {
		return nil, explain(ctx, "bringing all files of "+s.c.o.Repository, err)
	}
	return a, nil
}

// read takes an archive apart. A path in it is a name in a map and leads nowhere.
func (a *archive) read(r io.Reader, limit int64) error {
	z, err := gzip.NewReader(r)
	if err != nil {
		return err
	}
	limited := &io.LimitedReader{R: z, N: limit + 1} // the one more tells that it is too much
	for t := tar.NewReader(limited); ; {
		h, err := t.Next()
		switch {
		case limited.N == 0:
			return fmt.Errorf("they are more than %d bytes", limit)
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		_, name, _ := strings.Cut(h.Name, "/") // all lies below owner-name-commit/
		e := gittree.Entry{Name: path.Base(name), HasText: true}
		switch h.Typeflag {
		case tar.TypeReg:
			if e.Mode = gittree.ModeFile; h.Mode&0o100 != 0 {
				e.Mode = gittree.ModeExecutable
			}
			if e.Text, err = io.ReadAll(t); err != nil {
				return err
			}
		case tar.TypeSymlink:
			e.Mode, e.Text = gittree.ModeLink, []byte(h.Linkname)
		default:
			continue // directories follow from their files
		}
		if e.Name == ".gitattributes" && bytes.Contains(e.Text, []byte("export-subst")) {
			return errors.New("the archive has other texts than the commit (export-subst)")
		}
		e.OID = gittree.BlobID(e.Text)
		a.keep(name, e)
	}
}

// keep puts an entry in its place, and its directories above it.
func (a *archive) keep(name string, e gittree.Entry) {
	_, there := a.entries[name]
	a.entries[name] = e
	if dir := path.Dir(name); !there && name != "." {
		a.names[dir] = append(a.names[dir], name)
		if _, known := a.entries[dir]; !known {
			a.keep(dir, gittree.Entry{Name: path.Base(dir), Mode: gittree.ModeDir})
		}
	}
}

// entry is what stands at a path, with what a directory holds.
func (a *archive) entry(name string) (gittree.Entry, bool) {
	e, ok := a.entries[name]
	for _, child := range a.names[name] {
		e.Entries = append(e.Entries, a.entries[child])
	}
	return e, ok
}
