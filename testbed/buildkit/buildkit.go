// Package buildkit gives tests buildx, and a BuildKit as a process that ends with
// the test.
package buildkit

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/buenhyden/hy-home/internal/testkit"
	"github.com/buenhyden/hy-home/testbed/internal/parts"
	"github.com/buenhyden/hy-home/testbed/lab"
	"github.com/buenhyden/hy-home/testbed/plain/plaintest"
)

// Bed is a docker command with buildx, and the bed's registry.
type Bed struct {
	lab.Lab
	Docker    string // path of the command
	ConfigDir string // Docker's configuration: the plugin, and nothing else
	calls     string // file
}

// recorder writes its arguments down before it becomes the program. That is done for
// docker and for the plugin: both have argument lists that others can read.
const recorder = `#!/bin/sh
printf '%s\n' "$@" >>'CALLS'
exec 'PROGRAM' "$@"
`

// New makes a configuration of Docker in a directory of its own, which the test's
// process uses too.
func New(t testing.TB) *Bed {
	t.Helper()
	l := lab.Require(t)
	docker, err := exec.LookPath("docker")
	if err != nil {
		testkit.Missing(t, "%v", err)
	}
	dir := t.TempDir()
	b := &Bed{Lab: l, Docker: filepath.Join(dir, "docker"), ConfigDir: filepath.Join(dir, "config"), calls: filepath.Join(dir, "calls")}
	b.record(t, b.Docker, docker)
	b.record(t, filepath.Join(b.ConfigDir, "cli-plugins", "docker-buildx"), program(t, "docker-buildx"))
	t.Setenv("DOCKER_CONFIG", b.ConfigDir)
	return b
}

func (b *Bed) record(t testing.TB, at, program string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
		t.Fatal(err)
	}
	script := strings.NewReplacer("CALLS", b.calls, "PROGRAM", program).Replace(recorder)
	if err := os.WriteFile(at, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
}

// Calls are the arguments of all that was started, one a line.
func (b *Bed) Calls(t testing.TB) []byte {
	t.Helper()
	text, err := os.ReadFile(b.calls)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Run runs docker and returns what it printed.
func (b *Bed) Run(t testing.TB, args ...string) string {
	t.Helper()
	out, err := exec.Command(b.Docker, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("docker %q: %v\n%s", args, err, out)
	}
	return string(out)
}

func program(t testing.TB, name string) string {
	t.Helper()
	file := filepath.Join(plaintest.BinDir(), name)
	if _, err := os.Stat(file); err != nil {
		testkit.Missing(t, "%s is not built: run `go run ./testbed up engine` first", name)
	}
	return file
}

// startLimit is generous: other packages' tests may be compiling meanwhile.
const startLimit = time.Minute

// Start starts a BuildKit, makes it the current builder of buildx, and returns the
// directory in which it keeps all it has.
func (b *Bed) Start(t testing.TB) (root string) {
	t.Helper()
	if os.Geteuid() != 0 {
		testkit.Missing(t, "BuildKit needs root to start containers")
	}
	dir, err := os.MkdirTemp("", "hy-home-buildkit-") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	socket := "unix://" + filepath.Join(dir, "buildkitd.sock")
	root = filepath.Join(dir, "root")
	var said bytes.Buffer
	cmd := exec.Command(program(t, "buildkitd"), "--root="+root, "--addr="+socket, "--containerd-worker=false",
		"--oci-worker-snapshotter=overlayfs", "--oci-worker-binary="+program(t, parts.RuncBounded))
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it takes its mounts away
		select {
		case <-ended:
		case <-time.After(startLimit):
			_ = cmd.Process.Kill()
			<-ended
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	for deadline := time.Now().Add(startLimit); ; time.Sleep(20 * time.Millisecond) { // it listens when it is ready
		if _, err := os.Stat(filepath.Join(dir, "buildkitd.sock")); err == nil {
			break
		}
		select {
		case <-ended:
			t.Fatalf("buildkitd ended: %s", said.String())
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("buildkitd does not listen after %s", startLimit)
		}
	}
	b.Run(t, "buildx", "create", "--name="+strings.ReplaceAll(filepath.Base(dir), "hy-home-", ""), "--driver=remote", "--use", socket)
	return root
}
