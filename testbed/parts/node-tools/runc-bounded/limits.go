package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// limits is the most that this process can hand on to a container.
type limits struct {
	bounding uint64 // the capability bounding set, one bit per capability
	oomScore int    // our own oom_score_adj
	hard     func(rlimit string) (most uint64, known bool)
}

// capabilities in the order of their numbers (linux/capability.h).
var capabilities = strings.Fields(`
	CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP
	LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK
	IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN
	SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE
	AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND
	AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE`)

// has reports whether the bounding set holds a capability. One that is newer
// than this list is let through: runc knows best what to do with it.
func (l limits) has(name string) bool {
	for i, c := range capabilities {
		if name == "CAP_"+c {
			return l.bounding&(1<<i) != 0
		}
	}
	return true
}

func hostLimits() (limits, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return limits{}, err
	}
	bounding, err := boundingSet(string(status))
	if err != nil {
		return limits{}, fmt.Errorf("/proc/self/status: %w", err)
	}
	l := limits{bounding: bounding, hard: hardLimit}
	if score, err := os.ReadFile("/proc/self/oom_score_adj"); err == nil {
		l.oomScore, _ = strconv.Atoi(strings.TrimSpace(string(score)))
	}
	return l, nil
}

func boundingSet(status string) (uint64, error) {
	for line := range strings.Lines(status) {
		if set, ok := strings.CutPrefix(line, "CapBnd:"); ok {
			return strconv.ParseUint(strings.TrimSpace(set), 16, 64)
		}
	}
	return 0, fmt.Errorf("it has no line CapBnd")
}

// hardLimit asks the kernel. The numbers are those of linux/resource.h, of which
// package syscall names only some.
func hardLimit(rlimit string) (uint64, bool) {
	numbers := map[string]int{
		"RLIMIT_CORE": 4, "RLIMIT_NPROC": 6, "RLIMIT_NOFILE": 7, "RLIMIT_MEMLOCK": 8,
		"RLIMIT_SIGPENDING": 11, "RLIMIT_MSGQUEUE": 12, "RLIMIT_NICE": 13, "RLIMIT_RTPRIO": 14,
	}
	n, ok := numbers[rlimit]
	if !ok {
		return 0, false
	}
	var l syscall.Rlimit
	if syscall.Getrlimit(n, &l) != nil {
		return 0, false
	}
	return l.Max, true
}
