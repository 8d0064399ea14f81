package imagediff

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/klauspost/compress/zstd"
)

// file is one entry of a layer, as far as it counts.
type file struct {
	name   string
	facets [][2]string // name and value, in the order in which they are worth telling
}

// files lists a layer in its order.
func files(r io.Reader) ([]file, error) {
	plain, err := decompress(r)
	if err != nil {
		return nil, err
	}
	defer plain.Close()
	var out []file
	t := tar.NewReader(plain)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		sum := sha256.New()
		if _, err := io.Copy(sum, t); err != nil { //nolint:gosec // G110: hashed, not kept
			return nil, err
		}
		f := file{h.Name, [][2]string{
			{"kind", string(h.Typeflag)}, {"size", fmt.Sprint(h.Size)}, {"content", fmt.Sprintf("sha256:%.12x…", sum.Sum(nil))},
			{"mode", fmt.Sprintf("%#o", h.Mode)}, {"owner", fmt.Sprintf("%d:%d", h.Uid, h.Gid)}, {"link", h.Linkname},
			{"mtime", h.ModTime.UTC().Format(time.RFC3339Nano)},
		}}
		for _, name := range slices.Sorted(maps.Keys(h.PAXRecords)) {
			if name != "mtime" && name != "path" && name != "linkpath" { // told above
				f.facets = append(f.facets, [2]string{name, h.PAXRecords[name]})
			}
		}
		out = append(out, f)
	}
}

// decompress opens a layer by its first bytes.
func decompress(r io.Reader) (io.ReadCloser, error) {
	b := bufio.NewReader(r)
	magic, err := b.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch {
	case len(magic) > 1 && magic[0] == 0x1f && magic[1] == 0x8b:
		return gzip.NewReader(b)
	case slices.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		d, err := zstd.NewReader(b)
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	}
	return io.NopCloser(b), nil
}

// firstDifference of two layers, and how many files differ.
func firstDifference(a, b []file) (first string, differ int) {
	tell := func(format string, args ...any) {
		if differ == 0 {
			first = fmt.Sprintf(format, args...)
		}
		differ++
	}
	other := map[string]file{}
	for _, f := range b {
		other[f.name] = f
	}
	for _, f := range a {
		g, ok := other[f.name]
		delete(other, f.name)
		if !ok {
			tell("%s is in the first alone", f.name)
			continue
		}
		for i, have := range f.facets {
			if i >= len(g.facets) || g.facets[i] != have {
				was := "nothing"
				if i < len(g.facets) {
					was = g.facets[i][1]
				}
				tell("%s: %s is %s and %s", f.name, have[0], have[1], was)
				break
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(other)) {
		tell("%s is in the second alone", name)
	}
	return first, differ
}
