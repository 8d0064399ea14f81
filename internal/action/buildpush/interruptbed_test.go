package buildpush

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/buenhyden/hy-home/internal/builder"
	"github.com/buenhyden/hy-home/internal/registry"
	"github.com/buenhyden/hy-home/internal/run"
	"github.com/buenhyden/hy-home/testbed/lab"
)

// told calls a function when a line holds a text.
type told struct {
	text string
	call func()
}

func (w told) Write(b []byte) (int, error) {
	if strings.Contains(string(b), w.text) {
		w.call()
	}
	return len(b), nil
}

// A run that is told to stop within a build leaves no login and no container. The
// context is what the signals of the process end.
func TestBed_AStoppedRunLeavesNothing(t *testing.T) {
	bed := lab.Require(t)
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	dir := t.TempDir()
	name := "stopped-" + filepath.Base(filepath.Dir(dir))
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM redis:7.0.15\nRUN echo "+name+" && sleep 300\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	login := ""
	_, err := Run(ctx, Options{
		Image: bed.Registry + "/stopped/app", Tags: []string{"v1"}, Context: dir, Push: true,
		Credentials: registry.Credentials{Username: "me", Password: "x1y2"}, // which this registry lets pass
		Docker:      builder.Candidates(os.Getenv("PATH")), Runner: run.Exec{},
		BuildLog: told{"echo " + name, func() {
			if found, _ := filepath.Glob(temp + "/*/docker/config.json"); len(found) == 1 {
				login = found[0]
			}
			time.AfterFunc(time.Second, cancel) // the step is announced before it runs
		}},
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("%v", err)
	}
	if login == "" {
		t.Error("there was no login while it was built")
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	// The engine ends a step whose client is gone in a time of its own.
	for deadline := time.Now().Add(2 * time.Minute); ; {
		running, err := run.Exec{}.Run(t.Context(), run.Cmd{Name: "pgrep", Args: []string{"--full", "sh -c echo " + name}})
		if err != nil && running.Code == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the step runs on: %s %v", running.Stdout, err)
		}
		time.Sleep(200 * time.Millisecond) // until the next look
	}
}
