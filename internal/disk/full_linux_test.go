package disk_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/disk"
	"github.com/buenhyden/hy-home/internal/testkit"
)

// On a disk that is really full the old text stays, and nothing else.
func TestWriteFile_OnAFullDiskNothingChanges(t *testing.T) {
	d := testkit.SmallDisk(t, "64k")
	path := filepath.Join(d.Dir, "kubeconfig")
	if err := disk.WriteFile(path, []byte("old")); err != nil {
		t.Fatal(err)
	}
	for pages := range 3 { // a text of three pages breaks off at each of them
		d.Fill(pages)
		err := disk.WriteFile(path, make([]byte, 3*testkit.Page))
		if !disk.IsFull(err) || !strings.Contains(err.Error(), d.Dir+" has ") || !strings.Contains(err.Error(), "of 64Ki left") {
			t.Errorf("%d pages: %v", pages, err)
		}
		if text, err := os.ReadFile(path); err != nil || string(text) != "old" {
			t.Errorf("%d pages: the file holds %d bytes, %v", pages, len(text), err)
		}
		if entries, err := os.ReadDir(d.Dir); err != nil || len(entries) != 2 {
			t.Errorf("%d pages: something is left behind: %v, %v", pages, entries, err)
		}
		d.Clear()
	}
	if err := disk.WriteFile(path, []byte("new")); err != nil {
		t.Error(err)
	}
}
