package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

func TestLock_ReadsBackWhatWasWritten(t *testing.T) {
	sums := map[string]string{"hyaction_linux_amd64.gz": strings.Repeat("a", 64), "hyaction_darwin_arm64.gz": strings.Repeat("b", 64)}
	got := parseLock(formatLock("v1.2.3", sums))
	want := map[string]string{"version": "v1.2.3", "go": runtime.Version()}
	for name, sum := range sums {
		want[name] = sum
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestLock_OfThisCommit checks the committed lock: whole, or empty before the
// first release.
func TestLock_OfThisCommit(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", lockPath))
	if err != nil {
		t.Fatal(err)
	}
	locked := parseLock(text)
	if len(locked) == 0 {
		return
	}
	if !semver.MatchString(locked["version"]) {
		t.Errorf("the version is %q", locked["version"])
	}
	for _, p := range platforms {
		name := fmt.Sprintf("hyaction_%s_%s.gz", p.os, p.arch)
		if len(locked[name]) != 64 {
			t.Errorf("no SHA-256 for %s", name)
		}
	}
}

func TestPack_IsTheSameEveryTime(t *testing.T) {
	plain := bytes.Repeat([]byte("hyaction"), 1000)
	one, err := pack(plain)
	if err != nil {
		t.Fatal(err)
	}
	two, err := pack(plain)
	if err != nil || !bytes.Equal(one, two) {
		t.Errorf("two packings differ, %v", err)
	}
	// Bytes 4 to 7 are the time of a gzip header, byte 9 is the system.
	if !bytes.Equal(one[4:8], []byte{0, 0, 0, 0}) || one[9] != 255 {
		t.Errorf("the header tells when or where it was made: % x", one[:10])
	}
}

func TestBuild_NothingOfTheMachineDecidesTheBytes(t *testing.T) {
	goEnv := func(environment []string) string {
		cmd := exec.Command("go", "env", "GOFLAGS", "GOEXPERIMENT", "GOFIPS140", "GOAMD64", "GOWORK", "CGO_ENABLED")
		cmd.Env = environment
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	want := goEnv(environment("linux", "amd64"))

	dir := t.TempDir()
	written := filepath.Join(dir, "env") // as `go env -w` writes it
	if err := os.WriteFile(written, []byte("GOFLAGS=-tags=mine\nGOAMD64=v2\nGOEXPERIMENT=nodwarf5\nGOFIPS140=latest\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	work := filepath.Join(dir, "go.work")
	if err := os.WriteFile(work, []byte("go 1.26\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOENV", written)
	t.Setenv("GOWORK", work)
	t.Setenv("GOAMD64", "v3")
	t.Setenv("GOFLAGS", "")
	if goEnv(os.Environ()) == want {
		t.Fatal("the machine's settings were not seen at all")
	}
	if got := goEnv(environment("linux", "amd64")); got != want {
		t.Errorf("go env answers\n%s\non a machine with settings of its own, and\n%s\nwithout", got, want)
	}
}

func TestRun_RefusesWhatIsNoVersion(t *testing.T) {
	for _, version := range []string{"1.2.3", "v1", "v1.2", "v01.2.3", "v1.2.3; rm -rf /", "latest"} {
		if _, err := buildAll(t.Context(), version, t.TempDir()); err == nil {
			t.Errorf("version %q was taken", version)
		}
	}
	if err := run(t.Context(), nil); err == nil {
		t.Error("no arguments: no error")
	}
}
