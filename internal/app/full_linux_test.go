package app

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	ggcr "github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/buenhyden/hy-home/internal/docker"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/pull"
	"github.com/buenhyden/hy-home/internal/testkit"
)

// secondEngine runs a Docker engine of its own beside the machine's, with its data
// in a directory; it only pulls. It is handed the first one's bridge, as an engine
// that is told to have none (--bridge none) removes the device docker0 at its
// start, whoever it belongs to.
func secondEngine(t *testing.T, data string) *docker.Engine {
	t.Helper()
	program, err := exec.LookPath("dockerd")
	if err != nil {
		testkit.Missing(t, "no dockerd: %v", err)
	}
	const bridge = "docker0"
	if _, err := net.InterfaceByName(bridge); err != nil {
		testkit.Missing(t, "no device %s: %v", bridge, err)
	}
	dir := t.TempDir()
	var said bytes.Buffer
	cmd := exec.Command(program, "--host", "unix://"+dir+"/sock", "--data-root", data, "--exec-root", dir+"/exec", "--pidfile", dir+"/pid",
		"--bridge", bridge, "--iptables=false", "--ip6tables=false", "--storage-driver", "vfs")
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait() // it was told to end
		if t.Failed() {
			t.Log(said.String())
		}
	})
	e := &docker.Engine{Host: "unix://" + dir + "/sock"}
	for deadline := time.Now().Add(2 * time.Minute); ; {
		_, err := e.Client(t.Context())
		if err == nil {
			t.Cleanup(func() { _ = e.Close() })
			return e
		}
		if time.Now().After(deadline) {
			t.Fatalf("the second engine does not answer: %v", err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// An engine whose disk is really full: the pull fails at the first try, and says
// how much room there is. With room it works.
func TestEnginePull_AFullDiskIsFinal(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: an engine takes seconds to start")
	}
	d := testkit.SmallDisk(t, "48m")
	e := secondEngine(t, filepath.Join(d.Dir, "docker"))
	s := httptest.NewServer(ggcr.New(ggcr.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(s.Close)
	push := func(repository string, size int64) string {
		t.Helper()
		ref := fmt.Sprintf("%s/%s:1", strings.TrimPrefix(s.URL, "http://"), repository)
		r, err := name.ParseReference(ref, name.Insecure)
		if err != nil {
			t.Fatal(err)
		}
		image, err := random.Image(size, 1)
		if err == nil {
			err = remote.Write(r, image)
		}
		if err != nil {
			t.Fatal(err)
		}
		return ref
	}
	run := func(ref string) ([]engine.Result, error) {
		node := engine.Node{ID: "pull", Run: func(ctx context.Context, progress func(string)) (engine.Outcome, error) {
			_, err := enginePull(e)(ctx, pull.Request{Ref: ref}, progress)
			return engine.Created, explainFull(e, t.TempDir())(ctx, err)
		}}
		return engine.Run(t.Context(), []engine.Node{node}, engine.Options{})
	}
	large, small := push("large", 64<<20), push("small", 1<<20)
	start := time.Now()
	steps, err := run(large)
	if err == nil || steps[0].Attempts != 1 {
		t.Fatalf("%d attempts, %v", steps[0].Attempts, err)
	}
	for _, want := range []string{"pull image " + large, "no space left on device", d.Dir + "/docker has ", " of 48Mi left", "make room, then run it again"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v\ndoes not say %q", err, want)
		}
	}
	t.Logf("after %s: %v", time.Since(start).Round(time.Millisecond), err)
	if _, err := run(small); err != nil {
		t.Errorf("an image for which there is room: %v", err)
	}
}
