package plain

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A program that ends by itself breaks the bed, with its last words; one that is told to does not.
func TestLost(t *testing.T) {
	dir := t.TempDir()
	died := make(chan error, 2)
	bed := newBed(dir, "", "", newProcesses(func(err error) { died <- err }))
	start := func(name, script string) {
		t.Helper()
		if err := bed.procs.start(name, exec.Command("/bin/sh", "-c", script), filepath.Join(dir, name), true); err != nil {
			t.Fatal(err)
		}
	}
	start("told", "sleep 1000")
	if err := bed.Stop("told"); err != nil {
		t.Fatal(err)
	}
	start("stays", "sleep 1000")
	if err := bed.Lost(); err != nil {
		t.Errorf("nothing ended by itself: %v", err)
	}
	start("first", "echo fatal error: concurrent map writes >&2; exit 2")
	first := <-died
	start("second", "exit 3")
	<-died
	if err := bed.Down(); err != nil {
		t.Fatal(err)
	}
	if err := bed.Lost(); !errors.Is(err, first) || !strings.Contains(err.Error(), "first ended: exit status 2") || !strings.Contains(err.Error(), "concurrent map writes") {
		t.Errorf("lost: %v", err)
	}
}
