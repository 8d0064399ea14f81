package debian

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/buenhyden/hy-home/testbed/internal/image"
)

// libraryDirs is where Debian's dynamic linker looks without a cache file.
func libraryDirs(machine elf.Machine) []string {
	triplet := map[elf.Machine]string{elf.EM_X86_64: "x86_64-linux-gnu", elf.EM_AARCH64: "aarch64-linux-gnu"}[machine]
	return []string{"/lib/" + triplet, "/usr/lib/" + triplet, "/lib", "/usr/lib"}
}

// Closure returns the named files and every shared library that they need,
// directly or not, with the program loader: what must be in an image for them to
// run. Plugins are named like programs, as nothing links to them: iptables finds
// libxt_statistic.so by its name, and that one needs libm, which iptables does not.
func (t *Tree) Closure(files ...string) ([]string, error) {
	var all []string
	for queue := slices.Clone(files); len(queue) > 0; {
		name := queue[0]
		queue = queue[1:]
		if slices.Contains(all, name) {
			continue
		}
		all = append(all, name)
		needs, err := t.needs(name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		queue = append(queue, needs...)
	}
	slices.Sort(all)
	return all, nil
}

// needs lists what one file asks the dynamic linker for; nothing for a static
// program or a file that is none.
func (t *Tree) needs(name string) ([]string, error) {
	r, err := t.File(name)
	if err != nil {
		return nil, err
	}
	f, err := elf.NewFile(r)
	var format *elf.FormatError
	if errors.As(err, &format) || errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var needs []string
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			loader, err := io.ReadAll(p.Open())
			if err != nil {
				return nil, err
			}
			needs = append(needs, strings.TrimRight(string(loader), "\x00"))
		}
	}
	libraries, err := f.ImportedLibraries()
	if err != nil {
		return nil, err
	}
	dirs := libraryDirs(f.Machine)
	if runpath, err := f.DynString(elf.DT_RUNPATH); err == nil {
		dirs = append(runpath, dirs...)
	}
	for _, library := range libraries {
		found := slices.IndexFunc(dirs, func(dir string) bool { return t.Has(path.Join(dir, library)) })
		if found < 0 {
			return nil, fmt.Errorf("library %s is in none of %s: %w", library, strings.Join(dirs, ", "), fs.ErrNotExist)
		}
		needs = append(needs, path.Join(dirs[found], library))
	}
	return needs, nil
}

// Install copies files and all that they need into a layer, each to its own path.
func (t *Tree) Install(l *image.Layer, files ...string) error {
	all, err := t.Closure(files...)
	if err != nil {
		return err
	}
	for _, name := range all {
		r, err := t.File(name)
		if err != nil {
			return err
		}
		l.Stream(name, 0o755, r.Size(), r)
	}
	return nil
}

// InstallShell puts busybox into a layer, with a link for each of the tools that
// scripts and people expect.
func (t *Tree) InstallShell(l *image.Layer) error {
	if err := t.Install(l, "/bin/busybox"); err != nil {
		return err
	}
	for _, tool := range shellTools {
		l.Link("/bin/"+tool, "busybox")
	}
	l.Dir("/tmp", 0o1777)
	return nil
}

// shellTools are applets of Debian's busybox. The full list would have to
// be asked of the program, which may not run here (another architecture).
var shellTools = strings.Fields(`
	ash awk base64 basename cat chmod chown clear cmp cp cut date dd df dirname
	du echo env expr false find free grep gunzip gzip head hostname httpd id ip
	kill killall ln ls md5sum mkdir mktemp more mv nc netstat nslookup od ping
	printf ps pwd readlink realpath rm rmdir route sed seq sh sha256sum sleep
	sort stat stty sync tail tar tee telnet test time timeout top touch tr true
	tty uname uniq uptime vi wc wget which whoami xargs yes`)
