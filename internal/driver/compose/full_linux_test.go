package compose

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/disk"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/testkit"
)

// Half a password in a file would be taken for a whole one by the next run.
func TestUser_AFullDiskLeavesNoHalfSecret(t *testing.T) {
	d := testkit.SmallDisk(t, "128k")
	file := filepath.Join(d.Dir, "compose.yml")
	if err := os.WriteFile(file, []byte("services: {web: {image: redis:7, secrets: [token]}}\nsecrets: {token: {file: ./secrets/token}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, e := users(d.Dir, "compose.yml"), usersEnv(t)
	long := strings.Repeat("k", 2*testkit.Page+1)
	e.Secrets = map[string]string{"user-token": long}
	secret := filepath.Join(d.Dir, "secrets", "token")
	for pages := range 3 {
		d.Fill(pages)
		err := prepareUser(t.Context(), c, e)
		if !disk.IsFull(err) || !strings.Contains(err.Error(), "make secrets/token: ") || !strings.Contains(err.Error(), "of 128Ki left") {
			t.Errorf("%d pages: %v", pages, err)
		}
		if entries, _ := os.ReadDir(filepath.Dir(secret)); len(entries) != 0 {
			t.Errorf("%d pages: %v is left", pages, entries)
		}
		d.Clear()
	}
	if err := prepareUser(t.Context(), c, e); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(secret); err != nil || string(text) != long {
		t.Errorf("with room: %d bytes, %v", len(text), err)
	}
}

// A container that cannot write ends the run at once, with what it could not write.
func TestEngine_AContainerWhoseDiskIsFull(t *testing.T) {
	d, _ := onEngine(t, redisImage)
	c := catalog.Component{Name: "full", Files: fstest.MapFS{"compose.yaml": {Data: []byte(`
services:
  db:
    image: docker.io/library/redis:7.0.15
    command: [sh, -c, "echo starting; dd if=/dev/zero of=/data/dump.rdb bs=65536 count=16"]
    restart: unless-stopped
    network_mode: none
    tmpfs: ["/data:size=65536"]
`)}}}
	e := platform(t, d, c)
	start := time.Now()
	_, err := d.Apply(within(t, 5*time.Minute), c, e)
	if err == nil || !disk.IsFull(err) || engine.IsTransient(err) || !strings.HasPrefix(err.Error(), "db ") {
		t.Fatalf("got %v", err)
	}
	t.Logf("after %s: %v", time.Since(start).Round(time.Millisecond), err)
}
