package debian

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// root writes a root with the given entries: "name" -> contents, where contents
// that begin with "-> " are a symbolic and with "=> " a hard link.
func root(t *testing.T, entries [][2]string) *Tree {
	t.Helper()
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, tarName))
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(f)
	for _, e := range withParents(entries) {
		h := &tar.Header{Name: "." + e[0], Typeflag: tar.TypeReg, Size: int64(len(e[1])), Mode: 0o755}
		if target, ok := strings.CutPrefix(e[1], "-> "); ok {
			h.Typeflag, h.Linkname, h.Size = tar.TypeSymlink, target, 0
		} else if target, ok := strings.CutPrefix(e[1], "=> "); ok {
			h.Typeflag, h.Linkname, h.Size = tar.TypeLink, "."+target, 0
		} else if strings.HasSuffix(e[0], "/") {
			h.Typeflag, h.Size = tar.TypeDir, 0
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			if _, err := io.WriteString(w, e[1]); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := errors.Join(w.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	tree, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tree.Close() })
	return tree
}

// withParents adds the directories that entries lie in, as every root has them.
func withParents(entries [][2]string) [][2]string {
	known := map[string]bool{"/": true}
	for _, e := range entries {
		known[path.Clean(e[0])] = true
	}
	var all [][2]string
	for _, e := range entries {
		for dir := path.Dir(path.Clean(e[0])); !known[dir]; dir = path.Dir(dir) {
			known[dir] = true
			all = append(all, [2]string{dir + "/", ""})
		}
		all = append(all, e)
	}
	return all
}

func TestTree_FollowsLinksWithinTheRoot(t *testing.T) {
	tree := root(t, [][2]string{
		{"/bin", "-> usr/bin"}, {"/usr/", ""}, {"/usr/bin/", ""},
		{"/usr/bin/a", "A"}, {"/usr/bin/b", "-> a"}, {"/usr/bin/c", "-> /bin/b"},
		{"/usr/bin/d", "=> /usr/bin/a"}, {"/usr/bin/up", "-> ../../../../usr/bin/a"}, {"/loop", "-> /loop"},
	})
	for _, name := range []string{"/usr/bin/a", "/bin/a", "/bin/b", "/usr/bin/c", "/bin/d", "/bin/up"} {
		r, err := tree.File(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if text, err := io.ReadAll(r); string(text) != "A" || err != nil {
			t.Errorf("%s holds %q, %v", name, text, err)
		}
	}
	for _, name := range []string{"/absent", "/usr/bin", "/loop", "/usr/bin/a/b"} {
		if _, err := tree.File(name); err == nil {
			t.Errorf("%s is a file", name)
		}
	}
	if got, want := tree.Glob("/usr/bin/[ab]"), []string{"/usr/bin/a", "/usr/bin/b"}; !reflect.DeepEqual(got, want) {
		t.Errorf("Glob = %q, want %q", got, want)
	}
}

// program is the smallest ELF file that asks the dynamic linker for libraries.
func program(t *testing.T, interpreter string, libraries ...string) string {
	t.Helper()
	const headers = 64 + 2*56 // file header, two program headers
	strtab := []byte{0}
	var dynamic []elf.Dyn64
	for _, l := range libraries {
		dynamic = append(dynamic, elf.Dyn64{Tag: int64(elf.DT_NEEDED), Val: uint64(len(strtab))})
		strtab = append(append(strtab, l...), 0)
	}
	dynamic = append(dynamic, elf.Dyn64{Tag: int64(elf.DT_NULL)})
	interp := append([]byte(interpreter), 0)
	at := uint64(headers)
	interpAt, strAt := at, at+uint64(len(interp))
	dynAt := strAt + uint64(len(strtab))
	dynSize := uint64(len(dynamic) * 16)
	sections := dynAt + dynSize
	var b bytes.Buffer
	write := func(v any) {
		if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
			t.Fatal(err)
		}
	}
	write(elf.Header64{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(elf.ET_DYN), Machine: uint16(elf.EM_X86_64), Version: 1,
		Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: 2, Shoff: sections, Shentsize: 64, Shnum: 3, Shstrndx: 1,
	})
	write(elf.Prog64{Type: uint32(elf.PT_INTERP), Off: interpAt, Filesz: uint64(len(interp))})
	write(elf.Prog64{Type: uint32(elf.PT_DYNAMIC), Off: dynAt, Filesz: dynSize})
	b.Write(interp)
	b.Write(strtab)
	for _, d := range dynamic {
		write(d)
	}
	write(elf.Section64{})
	write(elf.Section64{Type: uint32(elf.SHT_STRTAB), Off: strAt, Size: uint64(len(strtab))})
	write(elf.Section64{Type: uint32(elf.SHT_DYNAMIC), Off: dynAt, Size: dynSize, Link: 1, Entsize: 16})
	return b.String()
}

func TestClosure_FindsLibrariesOfPlugins(t *testing.T) {
	const lib, loader = "/usr/lib/x86_64-linux-gnu/", "/lib64/ld-linux-x86-64.so.2"
	tree := root(t, [][2]string{
		{"/lib", "-> usr/lib"}, {"/lib64", "-> usr/lib64"},
		{"/usr/lib64/ld-linux-x86-64.so.2", "loader"},
		{"/usr/sbin/iptables", program(t, loader, "libxtables.so.12")},
		{lib + "xtables/libxt_statistic.so", program(t, loader, "libm.so.6", "libc.so.6")},
		{lib + "libxtables.so.12", "-> libxtables.so.12.7"},
		{lib + "libxtables.so.12.7", program(t, loader, "libc.so.6")},
		{lib + "libc.so.6", "not linked to anything"}, {lib + "libm.so.6", program(t, loader, "libc.so.6")},
		{"/usr/share/text", "no program"},
	})
	// As iptables: it never names libm, its plugin for random balancing does.
	got, err := tree.Closure("/usr/sbin/iptables", lib+"xtables/libxt_statistic.so", "/usr/share/text")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"/lib/x86_64-linux-gnu/libc.so.6", "/lib/x86_64-linux-gnu/libm.so.6", "/lib/x86_64-linux-gnu/libxtables.so.12",
		loader, lib + "xtables/libxt_statistic.so", "/usr/sbin/iptables", "/usr/share/text",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("Closure = %q, want %q", got, want)
	}
}

func TestClosure_NamesTheMissingLibrary(t *testing.T) {
	tree := root(t, [][2]string{{"/p", program(t, "/p", "libgone.so.1")}})
	_, err := tree.Closure("/p")
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "libgone.so.1") {
		t.Errorf("Closure = %v, want that libgone.so.1 is missing", err)
	}
}

func TestSources_AreTheHostsOfTheSuite(t *testing.T) {
	dir := t.TempDir()
	release := filepath.Join(dir, "os-release")
	write := func(name, text string) {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	check := func(want string) {
		t.Helper()
		if got, err := hostSources(dir, release, Trixie); got != want || err != nil {
			t.Errorf("hostSources = %q, %v, want %q", got, err, want)
		}
	}
	check("")
	write(release, "ID=debian\nVERSION_CODENAME=bookworm\n")
	check("")
	write(filepath.Join(dir, "sources.list"), "deb http://mirror.example/debian bookworm bookworm-updates main\n")
	check("deb http://mirror.example/debian trixie trixie-updates main\n")
	write(release, "ID=ubuntu\nVERSION_CODENAME=noble\n")
	check("")
}
