// Package testkit is what tests of several packages share. Only tests import it.
package testkit

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Act runs workflows of the repository in dir on this machine, through act: no
// image, no network, and actions/checkout is a copy of dir. The arguments are
// act's own; it returns what act printed, and fails the test when a job fails.
//
// Steps find what PATH holds and an empty home directory; more is given by
// --env NAME=value.
func Act(t *testing.T, dir string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, Tool(t, "act"), append([]string{
		"push", "-P", "ubuntu-latest=-self-hosted", "-P", "ubuntu-24.04=-self-hosted", "--no-cache-server",
	}, args...)...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	// act ends its steps when it is told to, and not when it is killed.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("act: %v\n%s", err, out)
	}
	return string(out)
}

// Tool builds a tool that is pinned in tools/<name>, once per machine, and
// returns its path. Each has a module of its own, so that its dependencies (200
// of act's alone) stay out of the product's go.mod. Where it cannot be built the
// test is skipped, or fails if HY_TESTBED=required.
func Tool(t testing.TB, name string) string {
	t.Helper()
	if testing.Short() {
		t.Skipf("%s takes minutes to build where it never was", name)
	}
	cmd := exec.Command("go", "tool", "-modfile="+filepath.Join("tools", name, "go.mod"), "-n", name)
	cmd.Dir = Root(t)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		Missing(t, "%s cannot be built here: %v\n%s", name, err, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

// Root is the top of the checkout: the directory with go.mod, at or above the
// test's own.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod at or above the test's directory")
		}
		dir = filepath.Dir(dir)
	}
}
