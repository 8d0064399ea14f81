package registry

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"
	"github.com/google/go-containerregistry/pkg/name"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/docker"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/testkit"
	"github.com/buenhyden/hy-home/testbed/servers"
)

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
	e := &docker.Engine{Getenv: os.Getenv}
	cli, err := e.Client(t.Context())
	if err != nil {
		testkit.Missing(t, "no engine: %v", err)
	}
	if _, err := cli.ImageInspect(t.Context(), c.Images[0]); err != nil {
		testkit.Missing(t, "image %s is not in the engine", c.Images[0])
	}
	port := servers.Port(t)
	b := &bed{Driver: New(e), cli: cli, c: c, s: settings{Network: fmt.Sprintf("hytr-%d", os.Getpid()), Container: fmt.Sprintf("hytr-registry-%d", os.Getpid()), Port: port}}
	b.c.Settings = map[string]any{"network": b.s.Network, "container": b.s.Container, "port": port}
	n, err := cli.NetworkCreate(t.Context(), b.s.Network, network.CreateOptions{IPAM: &network.IPAM{Config: []network.IPAMConfig{{Subnet: "192.168.216.0/24"}}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
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
	return engine.Env{Name: fmt.Sprintf("hytr-%s-%d", platform, os.Getpid()), Log: slog.New(slog.DiscardHandler), Progress: func(string) {}, Warn: func(s string) { b.told = append(b.told, s) }}
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
