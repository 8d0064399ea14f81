package testkit

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Disk is a small file system of its own, in memory.
type Disk struct {
	Dir string
	t   testing.TB
}

// SmallDisk mounts one of a size in bytes for a test. That takes root: anybody
// else's test is skipped.
func SmallDisk(t testing.TB, size string) *Disk {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root may mount the small file system that this test fills")
	}
	d := &Disk{t.TempDir(), t}
	if err := syscall.Mount("tmpfs", d.Dir, "tmpfs", 0, "mode=0700,size="+size); err != nil {
		t.Skipf("this machine does not let the test mount a file system: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(d.Dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", d.Dir, err)
		}
	})
	return d
}

// Page is what a file of one byte takes on the file system.
const Page = 4096

// Fill writes until no more than some pages are left.
func (d *Disk) Fill(pages int) {
	d.t.Helper()
	f, err := os.OpenFile(filepath.Join(d.Dir, "filler"), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	written := int64(0)
	for {
		n, err := f.Write(make([]byte, Page))
		written += int64(n)
		if errors.Is(err, syscall.ENOSPC) {
			break
		}
		if err != nil {
			d.t.Fatal(err)
		}
	}
	if err := f.Truncate(max(0, written-int64(pages)*Page)); err != nil {
		d.t.Fatal(err)
	}
}

// Clear gives the room back.
func (d *Disk) Clear() {
	d.t.Helper()
	if err := os.Remove(filepath.Join(d.Dir, "filler")); err != nil {
		d.t.Fatal(err)
	}
}
