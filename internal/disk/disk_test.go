package disk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestIsFull(t *testing.T) {
	for text, want := range map[string]bool{
		"write /var/lib/docker/tmp/GetImageBlob1: no space left on device":                   true,
		"ApplyLayer exit status 1 stdout:  stderr: write /x: No space left on device":        true,
		"failed to extract layer: mkdir /var/lib/containerd/x: disk quota exceeded: unknown": true,
		"exceeded quota: pods, requested: pods=1":                                            false,
		"no space between the words":                                                         false,
	} {
		if got := IsFull(errors.New(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	if IsFull(nil) || !IsFull(fmt.Errorf("x: %w", &os.PathError{Op: "write", Path: "/y", Err: syscall.ENOSPC})) {
		t.Error("the system's own error is not seen, or nil is one")
	}
}

func TestExplain_AddsTheRoomOnce(t *testing.T) {
	other := errors.New("connection reset")
	if err := Explain(other, t.TempDir()); err.Error() != other.Error() {
		t.Errorf("got %v", err)
	}
	full := errors.New("write /x: no space left on device")
	if err := Explain(full, "/nowhere"); err.Error() != full.Error() {
		t.Errorf("got %v, and nothing can be said of it", err)
	}
	dir := t.TempDir()
	once := Explain(full, dir, "/nowhere")
	if text := once.Error(); !strings.HasPrefix(text, "write /x: no space left on device: "+dir+" has ") || !strings.HasSuffix(text, " left: make room, then run it again") {
		t.Errorf("got %s", text)
	}
	if twice := Explain(fmt.Errorf("pull: %w", once), dir); strings.Count(twice.Error(), "make room") != 1 {
		t.Errorf("explained twice: %v", twice)
	}
	if !errors.Is(once, full) {
		t.Error("the cause is lost")
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 12 << 10: "12Ki", 3 << 29: "1.5Gi", 1 << 50: "1024Ti"} {
		if got := size(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
}

func TestWriteFile_ReplacesInOneStepForItsOwner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	for _, text := range []string{"one", "two"} {
		if err := WriteFile(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		info, _ := os.Stat(path)
		if err != nil || string(got) != text || info.Mode().Perm() != 0o600 {
			t.Errorf("%q, %v, %s", got, err, info.Mode())
		}
	}
	if err := WriteFile(filepath.Join(t.TempDir(), "no", "a"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
