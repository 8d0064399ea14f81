package plain_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/buenhyden/hy-home/testbed/plain"
	"github.com/buenhyden/hy-home/testbed/plain/plaintest"
)

// A second bed runs beside the first; Up on it again changes nothing; its end
// leaves the first one alone.
func TestUp_BesideAndAgain(t *testing.T) {
	first := plaintest.Start(t)
	o := plain.Options{
		Dir:     filepath.Join(t.TempDir(), "bed"),
		BinDir:  plaintest.BinDir(),
		Nodes:   3,
		Tied:    true,
		Timeout: plaintest.Patience,
	}
	start := time.Now()
	bed, err := plain.Up(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bed.Down() })
	t.Logf("up after %.1f s", time.Since(start).Seconds())

	before := readFile(t, filepath.Join(o.Dir, "bed.json"))
	start = time.Now()
	again, err := plain.Up(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("again after %.1f s", time.Since(start).Seconds())
	if again.APIServer != bed.APIServer || readFile(t, filepath.Join(o.Dir, "bed.json")) != before {
		t.Error("Up started a new bed although one was running")
	}

	if err := again.Down(); err != nil {
		t.Fatal(err)
	}
	if _, err := plain.Open(o.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Open after Down: %v, want that there is no bed", err)
	}
	if err := again.Down(); err != nil {
		t.Errorf("Down again: %v", err)
	}
	first.Namespace(t) // still answers
}

// An Up that is interrupted leaves nothing running.
func TestUp_Interrupted(t *testing.T) {
	plaintest.Start(t)
	ctx, cancel := context.WithCancel(t.Context())
	o := plain.Options{Dir: filepath.Join(t.TempDir(), "bed"), BinDir: plaintest.BinDir(), Tied: true}
	o.Progress = func(string) {
		if _, err := os.Stat(filepath.Join(o.Dir, "kube-apiserver.log")); err == nil {
			cancel() // at the second step, when half of the programs run
		}
	}
	if _, err := plain.Up(ctx, o); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
	if _, err := plain.Open(o.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Open: %v, want that there is no bed", err)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
