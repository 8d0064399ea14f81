package machine

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Collect tells how the machine is, for whoever looks for the cause of a
// failure: memory, disk, what the kernel killed, what waits, which ports are
// taken. dirs are on the file systems of interest. Command lines are left out:
// others may have secrets in theirs.
func Collect(dirs ...string) func(context.Context, func(name, text string)) error {
	return func(_ context.Context, write func(name, text string)) error {
		write("memory.txt", read("/proc/meminfo")+"\nlargest processes (MiB):\n"+largest())
		write("oom.txt", killed())
		write("pressure.txt", sections("/proc/loadavg", "/proc/pressure/cpu", "/proc/pressure/memory", "/proc/pressure/io"))
		var b strings.Builder
		for _, dir := range dirs {
			if dir != "" {
				fmt.Fprintf(&b, "%s\t%s free\n", dir, free(dir))
			}
		}
		write("disk.txt", b.String())
		b.Reset()
		for _, port := range ports("/proc/net/tcp", "/proc/net/tcp6") {
			fmt.Fprintln(&b, port)
		}
		write("ports.txt", b.String())
		return nil
	}
}

func read(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return err.Error() + "\n"
	}
	return string(text)
}

func sections(files ...string) string {
	var b strings.Builder
	for _, file := range files {
		fmt.Fprintf(&b, "%s\n%s\n", file, read(file))
	}
	return b.String()
}

// killed tells how often the kernel killed for memory: on the whole machine
// since it started, and in which control groups.
func killed() string {
	var b strings.Builder
	for line := range strings.Lines(read("/proc/vmstat")) {
		if strings.HasPrefix(line, "oom_kill") {
			b.WriteString("machine: " + line)
		}
	}
	// cgroup v2 counts in memory.events, v1 in memory.oom_control; containers lie
	// at most four levels deep, those of a node's pods six.
	for _, root := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/memory"} {
		depth := strings.Count(root, "/")
		_ = filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
			switch {
			case err != nil || d.IsDir() && strings.Count(path, "/")-depth > 8:
				return filepath.SkipDir
			case d.IsDir() && root == "/sys/fs/cgroup" && path == "/sys/fs/cgroup/memory":
				return filepath.SkipDir
			case d.Name() != "memory.events" && d.Name() != "memory.oom_control":
				return nil
			}
			for line := range strings.Lines(read(path)) {
				if n, ok := strings.CutPrefix(strings.TrimSpace(line), "oom_kill "); ok && n != "0" {
					fmt.Fprintf(&b, "%s: %s\n", filepath.Dir(path), n)
				}
			}
			return nil
		})
	}
	return b.String()
}

// largest lists the twenty processes with most memory, by name.
func largest() string {
	type process struct {
		pid, name string
		mib       int
	}
	var all []process
	files, _ := filepath.Glob("/proc/[0-9]*/statm") // the pattern is right
	for _, file := range files {
		fields := strings.Fields(read(file))
		if len(fields) < 2 {
			continue
		}
		pages, _ := strconv.Atoi(fields[1]) // of an ended process there is no number
		dir := filepath.Dir(file)
		all = append(all, process{filepath.Base(dir), strings.TrimSpace(read(filepath.Join(dir, "comm"))), pages * os.Getpagesize() >> 20})
	}
	slices.SortFunc(all, func(a, b process) int { return cmp.Compare(b.mib, a.mib) })
	var b strings.Builder
	for _, p := range all[:min(20, len(all))] {
		fmt.Fprintf(&b, "%6d  %s (%s)\n", p.mib, p.name, p.pid)
	}
	return b.String()
}
