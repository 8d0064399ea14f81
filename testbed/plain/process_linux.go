package plain

import (
	"fmt"
	"os"
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
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", err
	}
	// The second field is the program's name in parentheses and may hold
	// anything. After it come the state (3) and so on; the start time is 22.
	_, after, ok := strings.Cut(string(stat[strings.LastIndexByte(string(stat), ')')+1:]), " ")
	fields := strings.Fields(after)
	if !ok || len(fields) < 20 {
		return "", fmt.Errorf("/proc/%d/stat: unknown format", pid)
	}
	if fields[0] == "Z" || fields[0] == "X" {
		return "", os.ErrProcessDone
	}
	return fields[19], nil
}
