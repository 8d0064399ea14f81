package plain

import (
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// A program that has been told to stop may go on for a while on another processor; when
// freeze returns, it does not.
func TestProcesses_FreezeReturnsWhenAllStandsStill(t *testing.T) {
	procs := newProcesses(func(err error) { t.Error(err) })
	if err := procs.start("busy", exec.Command("/bin/sh", "-c", "while :; do :; done"), filepath.Join(t.TempDir(), "log"), true); err != nil {
		t.Fatal(err)
	}
	defer procs.end()
	pid := procs.list[0].PID
	for range 20 {
		if err := procs.freeze("busy"); err != nil {
			t.Fatal(err)
		}
		if still, err := standsStill(pid); !still || err != nil {
			t.Fatalf("it runs: %v", err)
		}
		if _, err := procs.signal("busy", syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
	}
	if still, err := standsStill(pid); still || err != nil {
		t.Errorf("what was let go stands still: %v", err)
	}
	if err := procs.freeze("nothing"); err == nil {
		t.Error("what does not run was frozen")
	}
}
