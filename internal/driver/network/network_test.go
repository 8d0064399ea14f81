package network

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/docker"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/testkit"
)

func wanted(name, subnet string) catalog.Component {
	return catalog.Component{Name: "net", Driver: "network", Settings: map[string]any{"network": name, "subnet": subnet}}
}

func env(platform string) engine.Env {
	return engine.Env{Name: platform, Progress: func(string) {}, Warn: func(string) {}, Log: slog.New(slog.DiscardHandler)}
}

func TestWanted_UnknownSettingIsRefused(t *testing.T) {
	c := wanted("n", "172.29.0.0/16")
	c.Settings["sub-net"] = "x"
	if _, err := Wanted(c); exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), `unknown field "sub-net"`) {
		t.Errorf("got %v", err)
	}
}

func TestFits_IPv6OfKindDoesNotMatter(t *testing.T) {
	w, err := Wanted(wanted("kind", "172.18.0.0/16"))
	if err != nil {
		t.Fatal(err)
	}
	n := network.Inspect{Name: "kind", IPAM: network.IPAM{Config: []network.IPAMConfig{
		{Subnet: "172.18.0.0/16", Gateway: "172.18.0.1"}, {Subnet: "fc00:f853:ccd:e793::/64"},
	}}}
	if err := fits(w, n); err != nil {
		t.Error(err)
	}
}

// connect gives the driver on the real engine; the test is skipped where there is none.
func connect(t *testing.T) (*Driver, *client.Client) {
	t.Helper()
	e := &docker.Engine{Getenv: os.Getenv}
	cli, err := e.Client(t.Context())
	if err != nil {
		testkit.Missing(t, "no engine: %v", err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return New(e), cli
}

// Two platforms use one network. The one that made it goes first; what the other
// has on it, running or not, keeps it, and so does a container of somebody else's.
func TestEngine_TheLastOneTakesItAway(t *testing.T) {
	d, cli := connect(t)
	images, err := cli.ImageList(t.Context(), image.ListOptions{})
	if err != nil || len(images) == 0 {
		testkit.Missing(t, "no image is in the engine (%v)", err)
	}
	const name = "hyt_shared"
	c := wanted(name, "172.30.242.0/24")
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		_ = cli.ContainerRemove(ctx, name, container.RemoveOptions{Force: true})
		for _, platform := range []string{"hyt-one", "hyt-two"} {
			_, _ = d.Remove(ctx, c, env(platform))
		}
	})
	do := func(what string, act func(context.Context, catalog.Component, engine.Env) (engine.Outcome, error), platform string, want engine.Outcome, told string) {
		t.Helper()
		said := ""
		e := env(platform)
		e.Warn = func(text string) { said = text }
		if got, err := act(t.Context(), c, e); err != nil || got != want || said != told {
			t.Fatalf("%s: got %s, %v, and was told %q; want %s and %q", what, got, err, said, want, told)
		}
	}
	do("one makes it", d.Apply, "hyt-one", engine.Created, "")
	do("two finds it", d.Apply, "hyt-two", engine.Unchanged, "")
	do("one goes", d.Remove, "hyt-one", engine.Unchanged, "Docker network "+name+" stays: platform hyt-two uses it")
	do("and goes again", d.Remove, "hyt-one", engine.Unchanged, "Docker network "+name+" stays: platform hyt-two uses it")
	// A guest that does not run is on it too: it could not start without it.
	if _, err := cli.ContainerCreate(t.Context(), &container.Config{Image: images[0].ID, Cmd: []string{"never started"}}, &container.HostConfig{NetworkMode: name}, nil, nil, name); err != nil {
		t.Fatal(err)
	}
	do("two goes, a guest is left", d.Remove, "hyt-two", engine.Unchanged, "Docker network "+name+" stays: container "+name+", which this platform did not make, is on it")
	if err := cli.ContainerRemove(t.Context(), name, container.RemoveOptions{Force: true}); err != nil {
		t.Fatal(err)
	}
	do("the last one goes", d.Remove, "hyt-two", engine.Removed, "")
	do("nothing is left", d.Remove, "hyt-one", engine.Unchanged, "")
}

// The whole life of a network on the real engine.
func TestEngine_Network(t *testing.T) {
	d, cli := connect(t)
	ctx := t.Context()
	const name = "hyt_net"
	c := wanted(name, "172.30.240.0/24")
	c.Settings["ip-range"] = "172.30.240.128/25"
	t.Cleanup(func() {
		_ = cli.NetworkRemove(context.Background(), name)
		_, _ = d.Remove(context.Background(), c, env("hyt"))
	})

	step := func(what string, do func(context.Context, catalog.Component, engine.Env) (engine.Outcome, error), c catalog.Component, platform string, want engine.Outcome) {
		t.Helper()
		if got, err := do(ctx, c, env(platform)); err != nil || got != want {
			t.Fatalf("%s: got %s, %v; want %s", what, got, err, want)
		}
	}
	if err := d.Preflight(ctx, []catalog.Component{c}, env("hyt")); err != nil {
		t.Fatal(err)
	}
	step("first apply", d.Apply, c, "hyt", engine.Created)
	step("second apply", d.Apply, c, "hyt", engine.Unchanged)
	if s, err := d.Status(ctx, c, env("hyt")); s != "ready" {
		t.Errorf("status %q, %v", s, err)
	}
	if err := d.Preflight(ctx, []catalog.Component{c}, env("hyt")); err != nil {
		t.Errorf("its own network clashes with itself: %v", err)
	}

	other := wanted(name, "172.30.241.0/24")
	for what, err := range map[string]error{
		"another subnet":  d.Preflight(ctx, []catalog.Component{other}, env("hyt")),
		"a taken subnet":  d.Preflight(ctx, []catalog.Component{wanted("hyt_other", "172.30.240.0/25")}, env("hyt")),
		"the host's own":  d.Preflight(ctx, []catalog.Component{wanted("hyt_other", "127.0.0.0/16")}, env("hyt")),
		"each other":      d.Preflight(ctx, []catalog.Component{c, wanted("hyt_other", "172.30.240.0/25")}, env("hyt")),
		"not even subnet": d.Preflight(ctx, []catalog.Component{wanted("hyt_other", "subnet")}, env("hyt")),
	} {
		if exit.Code(err) != exit.BadInput {
			t.Errorf("%s: got %v, want bad input", what, err)
		}
		t.Log(err)
	}

	step("remove by a stranger", d.Remove, c, "other", engine.Unchanged)
	step("remove", d.Remove, c, "hyt", engine.Removed)
	step("remove again", d.Remove, c, "hyt", engine.Unchanged)

	// A network that somebody else made is used and stays.
	if _, err := cli.NetworkCreate(ctx, name, network.CreateOptions{IPAM: &network.IPAM{Config: []network.IPAMConfig{
		{Subnet: "172.30.240.0/24", Gateway: "172.30.240.1", IPRange: "172.30.240.128/25"},
	}}}); err != nil {
		t.Fatal(err)
	}
	step("apply on a foreign network", d.Apply, c, "hyt", engine.Unchanged)
	step("remove of a foreign network", d.Remove, c, "hyt", engine.Unchanged)
}
