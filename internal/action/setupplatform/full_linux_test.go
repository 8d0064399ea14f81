package setupplatform

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/disk"
	"github.com/buenhyden/hy-home/internal/testkit"
)

// The state directory's disk is full, at whatever it is that comes to be written:
// the run ends with that one cause, leaves nothing half written, and the next one,
// with room, makes the platform whole.
func TestRun_AFullStateDirectory(t *testing.T) {
	atRecord, atSecrets := 0, 0
	for pages := range 8 {
		t.Run(fmt.Sprintf("%d pages left", pages), func(t *testing.T) {
			w, o := setup(t)
			d := testkit.SmallDisk(t, "128k")
			o.StateDir = filepath.Join(d.Dir, "state")
			// More names than one page holds, as with a large platform.
			for i := range 200 {
				for k := range o.Catalog.Components {
					if c := &o.Catalog.Components[k]; c.Name == "db" {
						c.Secrets = append(c.Secrets, fmt.Sprintf("db-password-of-user-%d", i))
						if i < 30 {
							c.Expose = append(c.Expose, catalog.Endpoint{Name: fmt.Sprintf("endpoint-%d", i)})
						}
					}
				}
			}
			d.Fill(pages)
			_, err := Run(t.Context(), o)
			if err != nil {
				if strings.HasPrefix(err.Error(), "store the generated secrets") {
					atSecrets++
				} else {
					atRecord++
				}
				if !disk.IsFull(err) || !strings.Contains(err.Error(), "of 128Ki left: make room, then run it again") || strings.Contains(err.Error(), "\n") {
					t.Errorf("got %v", err)
				}
				if len(w.calls) > 0 {
					t.Errorf("something was made that is noted nowhere: %v", w.calls)
				}
				t.Log(err)
			}
			whole(t, o.StateDir)
			d.Clear()
			w.calls, w.secrets = nil, nil
			if _, err := Run(t.Context(), o); err != nil {
				t.Fatalf("with room: %v", err)
			}
			whole(t, o.StateDir)
			first := w.secrets
			w.secrets = nil
			res, err := Run(t.Context(), o)
			if err != nil || res.Changed() || len(w.secrets) == 0 || w.secrets[0] != first[0] {
				t.Errorf("and once more: changed %v, %v", res.Changed(), err)
			}
			if _, err := Down(t.Context(), o); err != nil {
				t.Error(err)
			}
		})
	}
	if os.Geteuid() == 0 && (atRecord == 0 || atSecrets == 0) {
		t.Errorf("%d runs met the full disk at the record and %d at the secrets: the test shows nothing", atRecord, atSecrets)
	}
}

// whole checks that every file of the state directory can be read, and that there
// is none beside those that belong there.
func whole(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != recordFile && e.Name() != "secrets.json" {
			t.Errorf("%s is left", e.Name())
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil || !json.Valid(text) {
			t.Errorf("%s is half written: %d bytes, %v", e.Name(), len(text), err)
		}
	}
}
