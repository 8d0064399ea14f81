package bridge

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	dockernet "github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"

	"github.com/buenhyden/hy-home/internal/docker"
	"github.com/buenhyden/hy-home/internal/testkit"
)

func unpack(t *testing.T, b []byte) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	r := tar.NewReader(bytes.NewReader(b))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[h.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
}

// What `docker load` and `ctr images import` go by must hold: each layer has the
// digest that the config says.
func TestProgram_Archive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hyaction")
	if err := os.WriteFile(path, []byte("\x7fELF program"), 0o755); err != nil {
		t.Fatal(err)
	}
	p := Program{path}
	m, err := p.measure()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := p.archive(&b, "hyaction.local/hyaction:1", m); err != nil {
		t.Fatal(err)
	}
	files := unpack(t, b.Bytes())
	var manifest []struct {
		Config           string
		RepoTags, Layers []string
	}
	if err := json.Unmarshal(files["manifest.json"], &manifest); err != nil || len(manifest) != 1 || manifest[0].RepoTags[0] != "hyaction.local/hyaction:1" {
		t.Fatalf("manifest %s, %v", files["manifest.json"], err)
	}
	var config struct {
		RootFS struct {
			DiffIDs []string `json:"diff_ids"`
		} `json:"rootfs"`
	}
	if err := json.Unmarshal(files[manifest[0].Config], &config); err != nil {
		t.Fatal(err)
	}
	layer := files[manifest[0].Layers[0]]
	sum := sha256.Sum256(layer)
	if got := "sha256:" + hex.EncodeToString(sum[:]); len(layer) == 0 || config.RootFS.DiffIDs[0] != got {
		t.Errorf("the layer is %s, the config says %s", got, config.RootFS.DiffIDs)
	}
	if got := string(unpack(t, layer)["hyaction"]); got != "\x7fELF program" {
		t.Errorf("the program is %q", got)
	}
}

// A program that needs a loader ends in a container with "no such file", which
// names the wrong one.
func TestProgram_MustBeStatic(t *testing.T) {
	text := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(text, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := (Program{text}).static(); err == nil || !strings.Contains(err.Error(), "runs in no container") {
		t.Errorf("a script: %v", err)
	}
	sh, err := exec.LookPath("sh")
	if err != nil || runtime.GOOS != "linux" {
		t.Skip("no sh of Linux on this machine")
	}
	if err := (Program{sh}).static(); err == nil || !strings.Contains(err.Error(), "linked dynamically: build it with CGO_ENABLED=0") {
		t.Errorf("sh: %v", err)
	}
}

// On a real engine: the test's own binary runs in a container of another image,
// and nothing is left.
func TestRun_OnTheEngine(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: starting containers takes seconds")
	}
	const image = "docker.io/library/redis:7.0.15"
	e := &docker.Engine{Getenv: os.Getenv}
	api, err := e.Client(t.Context())
	if err != nil {
		testkit.Missing(t, "no engine: %v", err)
	}
	t.Cleanup(func() { _ = e.Close() })
	if _, err := api.ImageInspect(t.Context(), image); err != nil {
		testkit.Missing(t, "image %s is not in the engine", image)
	}
	const network = "hyt_program"
	b := Bridge{Docker: api, Network: network}
	neighbour(t, api, network, image)

	at, err := b.Addresses(t.Context())
	if err != nil || len(at["hyt-neighbour"]) != 1 {
		t.Errorf("addresses %v, %v", at, err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := (Program{self}).static(); err != nil {
		testkit.Missing(t, "the test itself cannot run in a container: %v", err)
	}
	for range 2 { // the name is free again
		out, err := b.Run(t.Context(), "hyt-program", Program{self}, nil, []string{"GREETING=hello"}, "-test.run=^TestGreet$", "-test.v")
		if err != nil || !strings.Contains(out, "hello from uid 65534") {
			t.Errorf("got %q, %v", out, err)
		}
	}
	if _, err := api.ContainerInspect(t.Context(), "hyt-program"); err == nil {
		t.Error("the container is left")
	}
}

// TestGreet is what the container of TestRun_OnTheEngine runs.
func TestGreet(t *testing.T) {
	t.Logf("%s from uid %d", os.Getenv("GREETING"), os.Getuid())
}

// neighbour is a container on a network of its own, whose image is borrowed.
func neighbour(t *testing.T, api *client.Client, network, image string) {
	t.Helper()
	const name = "hyt-neighbour"
	clean := func() {
		_ = api.ContainerRemove(t.Context(), name, container.RemoveOptions{Force: true})
		_ = api.NetworkRemove(t.Context(), network)
	}
	clean()
	if _, err := api.NetworkCreate(t.Context(), network, dockernet.CreateOptions{IPAM: &dockernet.IPAM{Config: []dockernet.IPAMConfig{{Subnet: "192.168.214.0/24"}}}}); err != nil {
		t.Fatal(err)
	}
	_, err := api.ContainerCreate(t.Context(), &container.Config{Image: image, Cmd: []string{"sleep", "60"}},
		&container.HostConfig{NetworkMode: container.NetworkMode(network)}, nil, nil, name)
	if err == nil {
		err = api.ContainerStart(t.Context(), name, container.StartOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = api.ContainerRemove(ctx, name, container.RemoveOptions{Force: true})
		_ = api.NetworkRemove(ctx, network)
	})
}
