// Package machine reads what the machine has left: memory, disk, free ports.
// What cannot be read is 0 or nil, which means unknown and checks nothing.
package machine

import (
	"bufio"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/disk"
	"github.com/buenhyden/hy-home/internal/plan"
)

// Look reads the facts that a plan is checked against. dir is a directory on
// the file system that will be filled; "" leaves it unknown.
func Look(dir string) plan.Machine {
	return plan.Machine{
		CPUs:   runtime.NumCPU(),
		Memory: memory("/proc/meminfo"),
		Disk:   free(dir),
		Ports:  ports("/proc/net/tcp", "/proc/net/tcp6"),

		Inotify: number("/proc/sys/fs/inotify/max_user_instances"),
	}
}

// free is what an ordinary user may still write to the file system of a directory.
func free(dir string) catalog.Bytes {
	room, _ := disk.Room(dir)
	return catalog.Bytes(room)
}

// memory is MemAvailable: what new processes can have without swapping, caches
// that would give way included.
func memory(file string) catalog.Bytes {
	f, err := os.Open(file)
	if err != nil {
		return 0
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		fields := strings.Fields(s.Text())
		if len(fields) == 3 && fields[0] == "MemAvailable:" && fields[2] == "kB" {
			kib, err := strconv.ParseInt(fields[1], 10, 64)
			if err != nil {
				return 0
			}
			return catalog.Bytes(kib << 10)
		}
	}
	return 0
}

// number reads a file that holds one.
func number(file string) int {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(strings.TrimSpace(string(text))) // 0 is unknown
	return n
}

// ports lists the TCP ports that something listens on, sorted.
func ports(files ...string) []int {
	const listening = "0A" // TCP_LISTEN in the kernel's table
	var open []int
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			continue
		}
		for s := bufio.NewScanner(f); s.Scan(); {
			fields := strings.Fields(s.Text())
			if len(fields) < 4 || fields[3] != listening {
				continue
			}
			_, hex, _ := strings.Cut(fields[1], ":")
			if port, err := strconv.ParseUint(hex, 16, 16); err == nil {
				open = append(open, int(port))
			}
		}
		_ = f.Close() // only read
	}
	slices.Sort(open)
	return slices.Compact(open)
}
