package registry

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/docker/client"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/docker"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/testkit"
)

// These tests run the real registry on the real engine, under a name and on a port
// of their own; they never pull.

func component(t *testing.T) catalog.Component {
	t.Helper()
	cat, err := catalog.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	c, ok := cat.Component("registry")
	if !ok {
		t.Fatal("the catalog has no registry")
	}
	return c
}

// What the nodes are told and what runs must be one.
func TestComponent_IsWhereTheNodesLook(t *testing.T) {
	s, err := read(component(t))
	if err != nil {
		t.Fatal(err)
	}
	cat, err := catalog.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	kind, _ := cat.Component("kind")
	if got, want := kind.Settings["registry"], "http://"+s.Container+":5000"; got != want || s.Port != 5001 {
		t.Errorf("the nodes pull localhost:5001 from %v, and %s serves port %d", got, want, s.Port)
	}
}

type bed struct {
	*Driver
	cli  *client.Client
	c    catalog.Component
	s    settings
	told []string
}

func setup(t *testing.T) *bed {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: starting containers takes seconds")
	}
	c := component(t)
	e := &docker.Engine{Host: os.Getenv("DOCKER_HOST")}
	cli, err := e.Client(t.Context())
	if err != nil {
		testkit.Missing(t, "no engine: %v", err)
	}
	if _, err := cli.ImageInspect(t.Context(), c.Images[0]); err != nil {
		testkit.Missing(t, "image %s is not in the engine", c.Images[0])
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	_ = l.Close()
	b := &bed{Driver: New(e), cli: cli, c: c, s: settings{Network: fmt.Sprintf("hytr-%d", os.Getpid()), Container: fmt.Sprintf("hytr-registry-%d", os.Getpid()), Port: port}}
	b.c.Settings = map[string]any{"network": b.s.Network, "container": b.s.Container, "port": port}
	n, err := cli.NetworkCreate(t.Context(), b.s.Network, network.CreateOptions{IPAM: &network.IPAM{Config: []network.IPAMConfig{{Subnet: "192.168.216.0/24"}}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		for _, platform := range []string{"one", "two"} {
			if _, err := b.Remove(ctx, b.c, b.env(t, platform)); err != nil {
				t.Error(err)
			}
		}
		_ = cli.ContainerRemove(ctx, b.s.Container, container.RemoveOptions{Force: true})
		if err := cli.NetworkRemove(ctx, n.ID); err != nil {
			t.Error(err)
		}
	})
	return b
}

func (b *bed) env(t *testing.T, platform string) engine.Env {
	return engine.Env{Name: fmt.Sprintf("hytr-%s-%d", platform, os.Getpid()), Log: slog.New(slog.DiscardHandler), Progress: func(s string) { b.told = append(b.told, s) }}
}

func (b *bed) apply(t *testing.T, platform string, want engine.Outcome) {
	t.Helper()
	if err := b.Preflight(t.Context(), []catalog.Component{b.c}, b.env(t, platform)); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if got, err := b.Apply(t.Context(), b.c, b.env(t, platform)); err != nil || got != want {
		t.Fatalf("%s: got %q, %v, want %q", platform, got, err, want)
	}
	t.Logf("%s %s in %s", platform, want, time.Since(start).Round(time.Millisecond))
}

func (b *bed) remove(t *testing.T, platform string, want engine.Outcome) {
	t.Helper()
	if got, err := b.Remove(t.Context(), b.c, b.env(t, platform)); err != nil || got != want {
		t.Fatalf("%s: got %q, %v, want %q", platform, got, err, want)
	}
}

func (b *bed) status(t *testing.T, platform, want string) {
	t.Helper()
	if got, err := b.Status(t.Context(), b.c, b.env(t, platform)); err != nil || got != want {
		t.Errorf("status of %s: %q, %v, want %q", platform, got, err, want)
	}
}

func (b *bed) ref(t *testing.T) name.Reference {
	t.Helper()
	r, err := name.ParseReference(fmt.Sprintf("localhost:%d/shop/app:1", b.s.Port), name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestEngine_PlatformsShareOneAndTheLastTakesItAway(t *testing.T) {
	b := setup(t)
	b.status(t, "one", "absent")
	b.apply(t, "one", engine.Created)
	b.apply(t, "one", engine.Unchanged)
	b.status(t, "one", "ready")
	b.status(t, "two", "absent")
	image, err := random.Image(1<<16, 2)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(b.ref(t), image); err != nil {
		t.Fatal(err)
	}
	b.apply(t, "two", engine.Unchanged)

	// What it holds outlives its container, and a container that stopped is started.
	if err := b.cli.ContainerRemove(t.Context(), b.s.Container, container.RemoveOptions{Force: true}); err != nil {
		t.Fatal(err)
	}
	b.apply(t, "two", engine.Created)
	timeout := 0
	if err := b.cli.ContainerStop(t.Context(), b.s.Container, container.StopOptions{Timeout: &timeout}); err != nil {
		t.Fatal(err)
	}
	b.apply(t, "one", engine.Configured)
	if _, err := remote.Image(b.ref(t)); err != nil {
		t.Errorf("what was pushed is gone: %v", err)
	}

	b.remove(t, "one", engine.Removed)
	b.remove(t, "one", engine.Unchanged)
	b.status(t, "two", "ready")
	if _, err := remote.Image(b.ref(t)); err != nil {
		t.Errorf("one took away what two uses: %v", err)
	}
	b.remove(t, "two", engine.Removed)
	b.remove(t, "two", engine.Unchanged)
	if _, err := b.cli.ContainerInspect(t.Context(), b.s.Container); !errdefs.IsNotFound(err) {
		t.Errorf("the container is left: %v", err)
	}
	if _, err := b.cli.VolumeInspect(t.Context(), b.s.Container); !errdefs.IsNotFound(err) {
		t.Errorf("the volume is left: %v", err)
	}
}

func TestEngine_OneThatIsThereIsUsedAsItIs(t *testing.T) {
	b := setup(t)
	// Somebody else's, which is not where the nodes look at first.
	other := b.s
	other.Network = "bridge"
	if err := other.start(t.Context(), b.cli, b.c.Images[0], nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = b.cli.ContainerRemove(context.Background(), b.s.Container, container.RemoveOptions{Force: true})
		_ = b.cli.VolumeRemove(context.Background(), b.s.Container, true)
	})
	refused := func(want string) {
		t.Helper()
		_, err := b.Apply(t.Context(), b.c, b.env(t, "one"))
		if err == nil || !strings.Contains(err.Error(), want) || exit.Code(err) != exit.BadInput {
			t.Errorf("got %v, want bad input with %q", err, want)
		}
	}
	refused("is not on network " + b.s.Network)
	timeout := 0
	if err := b.cli.ContainerStop(t.Context(), b.s.Container, container.StopOptions{Timeout: &timeout}); err != nil {
		t.Fatal(err)
	}
	refused("is exited: start it, or remove it")
	if err := b.cli.ContainerRemove(t.Context(), b.s.Container, container.RemoveOptions{Force: true}); err != nil {
		t.Fatal(err)
	}
	if err := b.s.start(t.Context(), b.cli, b.c.Images[0], nil); err != nil {
		t.Fatal(err)
	}
	theirs, err := b.cli.ContainerInspect(t.Context(), b.s.Container)
	if err != nil {
		t.Fatal(err)
	}
	b.apply(t, "one", engine.Unchanged)
	b.status(t, "one", "ready")
	b.remove(t, "one", engine.Unchanged)
	after, err := b.cli.ContainerInspect(t.Context(), b.s.Container)
	if err != nil || !after.State.Running || after.ID != theirs.ID {
		t.Errorf("a registry of somebody else's did not survive: %v", err)
	}
	if _, err := b.cli.VolumeInspect(t.Context(), b.s.Container); err != nil {
		t.Errorf("nor what it holds: %v", err)
	}
	held, err := b.cli.VolumeList(t.Context(), volume.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range held.Volumes {
		if v.Labels[holdLabel] == b.s.Container {
			t.Errorf("volume %s is left", v.Name)
		}
	}
}

func TestEngine_ATakenPortIsToldBeforeAnythingStarts(t *testing.T) {
	b := setup(t)
	l, err := net.Listen("tcp", b.s.address())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	err = b.Preflight(t.Context(), []catalog.Component{b.c}, b.env(t, "one"))
	if want := fmt.Sprintf("port %d of this machine, where the registry of the platform listens, is taken", b.s.Port); err == nil || !strings.Contains(err.Error(), want) || exit.Code(err) != exit.BadInput {
		t.Errorf("got %v, want bad input with %q", err, want)
	}
}
