package gittree

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// memory is a source that counts how often it is asked.
type memory struct {
	files map[string]Entry
	asked int
}

func (m *memory) Entries(_ context.Context, paths []string) ([]Entry, error) {
	m.asked++
	all := make([]Entry, len(paths))
	for i, name := range paths {
		all[i] = m.at(name)
	}
	return all, nil
}

func (m *memory) at(name string) Entry {
	if e, ok := m.files[name]; ok {
		e.Name = name[strings.LastIndexByte(name, '/')+1:]
		return e
	}
	dir := Entry{Name: name[strings.LastIndexByte(name, '/')+1:]}
	prefix := strings.TrimPrefix(name+"/", "./")
	for file := range m.files {
		rest, ok := strings.CutPrefix(file, prefix)
		if first, _, _ := strings.Cut(rest, "/"); ok && !slices.ContainsFunc(dir.Entries, func(e Entry) bool { return e.Name == first }) {
			dir.Mode = ModeDir
			child := m.at(prefix + first)
			child.Entries = nil
			dir.Entries = append(dir.Entries, child)
		}
	}
	return dir
}

func (m *memory) Blob(_ context.Context, oid string) ([]byte, error) {
	m.asked++
	if oid == "gone" {
		return nil, errors.New("gone")
	}
	return []byte("blob " + oid), nil
}

func (m *memory) List(context.Context, string, string) ([]string, error) { return nil, nil }

func text(s string) Entry { return Entry{Mode: ModeFile, Text: []byte(s), HasText: true} }
func link(s string) Entry { return Entry{Mode: ModeLink, Text: []byte(s), HasText: true} }

func example(t *testing.T) (*Tree, *memory) {
	m := &memory{files: map[string]Entry{
		"README.md":        text("hello"),
		"a/b/c.yaml":       text("c"),
		"a/b/long":         {Mode: ModeExecutable, OID: "1"},
		"a/up":             link("../README.md"),
		"a/dir":            link("b"),
		"a/out":            link("../../etc/passwd"),
		"a/abs":            link("/etc/passwd"),
		"a/loop":           link("loop"),
		"modules/other":    {Mode: ModeModule, OID: "2"},
		"deep/er/file.txt": text("deep"),
	}}
	return New(t.Context(), m), m
}

func TestTree_IsAFileSystem(t *testing.T) {
	m := &memory{files: map[string]Entry{"README.md": text("hello"), "a/b/c.yaml": text("c"), "a/b/run.sh": {Mode: ModeExecutable, Text: []byte("x"), HasText: true}, "a/empty": text("")}}
	if err := fstest.TestFS(New(t.Context(), m), "README.md", "a/b/c.yaml", "a/b/run.sh", "a/empty"); err != nil {
		t.Error(err)
	}
}

func TestTree_FollowsLinksInside(t *testing.T) {
	tree, _ := example(t)
	for name, want := range map[string]string{"a/up": "hello", "a/dir/c.yaml": "c", "a/dir/long": "blob 1"} {
		if got, err := fs.ReadFile(tree, name); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, want)
		}
	}
	for name, want := range map[string]error{"a/out": fs.ErrPermission, "a/abs": fs.ErrPermission, "a/loop": fs.ErrPermission, "a/no": fs.ErrNotExist, "README.md/x": fs.ErrNotExist, "../x": fs.ErrInvalid} {
		if _, err := fs.ReadFile(tree, name); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	if info, err := tree.Lstat("a/up"); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("Lstat = %v, %v", info, err)
	}
	if to, err := tree.ReadLink("a/up"); err != nil || to != "../README.md" {
		t.Errorf("ReadLink = %q, %v", to, err)
	}
	if info, err := tree.Stat("modules/other"); err != nil || info.Mode()&fs.ModeType == 0 {
		t.Errorf("a submodule is %v, %v", info, err)
	}
}

func TestTree_AsksOnce(t *testing.T) {
	tree, m := example(t)
	if tree.Known("a/b") {
		t.Error("known before it was brought")
	}
	if err := tree.Load(t.Context(), "a/b", "a", "nowhere"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for _, name := range []string{"a/b/c.yaml", "a/up", "a/b", "a/none", "nowhere", "nowhere/below"} {
			_, _ = fs.Stat(tree, name)
			if !tree.Known(name) && name != "a/up" { // which leads to what was not brought
				t.Errorf("%s is not known", name)
			}
		}
	}
	if m.asked != 2 { // once for three, and once for README.md behind the link
		t.Errorf("asked %d times", m.asked)
	}
	if got := tree.Asked(); !slices.Equal(got, []string{"a", "a/b", "nowhere", "README.md"}) {
		t.Errorf("Asked = %q", got)
	}
	if tree.Mode("a/b/long") != ModeExecutable || tree.Mode("deep/er") != 0 {
		t.Error("modes")
	}
}

func TestBlobID(t *testing.T) {
	if got := BlobID([]byte("hello\n")); got != "ce013625030ba8dba906f756967f9e9ca394464a" { // git hash-object
		t.Errorf("BlobID = %s", got)
	}
}
