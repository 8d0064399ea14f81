package registry

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/docker"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/exit"
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
	if want := "container " + b.s.Container + " stays: platform " + b.env(t, "two").Name + " uses it"; !slices.Contains(b.told, want) {
		t.Errorf("told %q, want %q", b.told, want)
	}
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
	if docker.Holds(t.Context(), b.cli, b.env(t, "one").Name, b.s.Container) {
		t.Error("a note of its use is left")
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
