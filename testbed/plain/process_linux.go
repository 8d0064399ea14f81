package plain

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// attributes gives a process a session of its own, so that it has its own group
// and no terminal can interrupt it.
func attributes(tied bool) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setsid: true}
	if tied {
		attr.Pdeathsig = syscall.SIGKILL
	}
	return attr
}

// startTime returns when the process started, in clock ticks since boot. A
// zombie has none: it has ended.
func startTime(pid int) (string, error) {
	fields, err := stat(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", err
	}
	if fields[0] == "Z" || fields[0] == "X" {
		return "", os.ErrProcessDone
	}
	return fields[19], nil
}

// standsStill reports whether no thread of the process runs or is about to.
func standsStill(pid int) (bool, error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err == nil && len(threads) == 0 {
		err = os.ErrProcessDone
	}
	if err != nil {
		return false, err
	}
	for _, thread := range threads {
		fields, err := stat(thread)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // it has ended meanwhile
		}
		if err != nil {
			return false, err
		}
		if fields[0] != "T" {
			return false, nil
		}
	}
	return true, nil
}

// stat returns the fields of a stat file of /proc from the state, the third, on; the
// start time, the 22nd, is among them.
func stat(file string) ([]string, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	// The second field is the program's name in parentheses and may hold anything.
	fields := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
	if len(fields) < 20 {
		return nil, fmt.Errorf("%s: unknown format", file)
	}
	return fields, nil
}
