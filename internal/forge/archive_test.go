package forge

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/gittree"
)

func packed(t *testing.T, entries ...tar.Header) *bytes.Buffer {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	w := tar.NewWriter(z)
	for _, h := range entries {
		h.Size = int64(len(h.PAXRecords["text"]))
		text := h.PAXRecords["text"]
		h.PAXRecords = nil
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return &out
}

func file(name string, mode int64, text string) tar.Header {
	return tar.Header{Name: name, Mode: mode, Typeflag: tar.TypeReg, PAXRecords: map[string]string{"text": text}}
}

func TestArchive(t *testing.T) {
	a := &archive{entries: map[string]gittree.Entry{}, names: map[string][]string{}}
	link := tar.Header{Name: "top/a/link", Typeflag: tar.TypeSymlink, Linkname: "../b.txt"}
	if err := a.read(packed(t, file("top/b.txt", 0o644, "b"), file("top/a/deep/run.sh", 0o755, "x"), link), 1<<20); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int64{"b.txt": gittree.ModeFile, "a/deep/run.sh": gittree.ModeExecutable, "a/link": gittree.ModeLink, "a": gittree.ModeDir, "a/deep": gittree.ModeDir, ".": gittree.ModeDir, "nowhere": 0} {
		if e, ok := a.entry(name); e.Mode != want || ok != (want != 0) {
			t.Errorf("%s: mode %o, %t", name, e.Mode, ok)
		}
	}
	if e, _ := a.entry("a"); len(e.Entries) != 2 || e.Entries[0].Name != "deep" || string(e.Entries[1].Text) != "../b.txt" {
		t.Errorf("a holds %+v", e.Entries)
	}
}

// What is too big, broken or not what the commit has is refused as a whole.
func TestArchive_Refuses(t *testing.T) {
	whole := packed(t, file("top/a", 0o644, strings.Repeat("x", 5000)), file("top/b", 0o644, "b"))
	for name, tc := range map[string]struct {
		archive *bytes.Buffer
		limit   int64
		want    string
	}{
		"too big":                {bytes.NewBuffer(whole.Bytes()), 4000, "unexpected EOF"},
		"too big at a header":    {bytes.NewBuffer(whole.Bytes()), 512 + 5120 - 1, "more than"},
		"no archive":             {bytes.NewBufferString("<html>"), 1 << 20, "EOF"},
		"cut":                    {bytes.NewBuffer(whole.Bytes()[:len(whole.Bytes())-20]), 1 << 20, "EOF"},
		"not what the commit is": {packed(t, file("top/.gitattributes", 0o644, "*.yaml export-subst")), 1 << 20, "export-subst"},
	} {
		a := &archive{entries: map[string]gittree.Entry{}, names: map[string][]string{}}
		if err := a.read(tc.archive, tc.limit); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}
