// Package servers gives tests the data services that users have, as processes on
// loopback: PostgreSQL, Redis and an S3 server, with TLS or without, and a
// Prometheus that remembers. Each test has its own, which ends with the test.
//
// Kafka is not among them: its broker is a program for the JVM. Tests take kfake,
// which the authors of the client test with, in their own process.
package servers

import (
	"bytes"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/buenhyden/hy-home/internal/testkit"
	"github.com/buenhyden/hy-home/testbed/plain"
)

// Host is where all servers answer.
const Host = "127.0.0.1"

// startTimeout is generous: other packages' tests may be compiling meanwhile.
const startTimeout = time.Minute

// need returns the first file that matches one of the patterns. Without one the
// test is skipped, or fails where the bed must be up.
func need(t testing.TB, what string, patterns ...string) string {
	t.Helper()
	for _, pattern := range patterns {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		if len(found) > 0 {
			return found[len(found)-1] // the newest of several versions
		}
	}
	testkit.Missing(t, "%s is not installed: run `go run ./testbed up plain` first", what)
	return ""
}

// Port is one that nobody listens at: see [plain.FreePorts].
func Port(t testing.TB) int {
	t.Helper()
	var address string
	if err := plain.FreePorts(&address); err != nil {
		t.Fatal(err)
	}
	return int(netip.MustParseAddrPort(address).Port())
}

// start runs a server until the test ends and returns when it listens at the port.
func start(t testing.TB, port int, cmd *exec.Cmd) {
	t.Helper()
	var out tail
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGKILL) // nothing of it is kept
		<-ended
	})
	deadline := time.After(startTimeout)
	for {
		if c, err := net.Dial("tcp4", Host+":"+strconv.Itoa(port)); err == nil {
			c.Close()
			return
		}
		select {
		case <-ended:
			t.Fatalf("%s ended: %s", filepath.Base(cmd.Path), out.String())
		case <-deadline:
			t.Fatalf("%s does not listen at port %d after %s: %s", filepath.Base(cmd.Path), port, startTimeout, out.String())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// tail is what a server printed, for the test that it failed.
type tail struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *tail) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(b)
}

func (o *tail) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	b := o.buf.Bytes()
	return string(b[max(0, len(b)-2000):])
}

// dir is a directory that an unprivileged user can reach: those of testing.T are
// closed to all but their maker.
func dir(t testing.TB) string {
	t.Helper()
	name, err := os.MkdirTemp("", "hy-home-server-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(name) })
	return name
}

func write(t testing.TB, name string, data []byte) string {
	t.Helper()
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
