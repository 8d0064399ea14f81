package compose

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/docker/client"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/docker"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/testkit"
)

// These tests work on the real engine and are skipped (with HY_TESTBED=required they fail) where there is none, or
// where the image is not in it: they never pull.

func onEngine(t *testing.T, image string) (*Driver, *client.Client) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: starting containers takes seconds")
	}
	e := &docker.Engine{Getenv: os.Getenv}
	cli, err := e.Client(t.Context())
	if err != nil {
		testkit.Missing(t, "no engine: %v", err)
	}
	t.Cleanup(func() { _ = e.Close() })
	if _, err := cli.ImageInspect(t.Context(), image); err != nil {
		testkit.Missing(t, "image %s is not in the engine", image)
	}
	return New(e), cli
}

// platform is a name of its own for this test; what it makes goes at its end.
func platform(t *testing.T, d *Driver, c catalog.Component) engine.Env {
	t.Helper()
	e := env(fmt.Sprintf("hyt-%d", os.Getpid()))
	e.Progress = func(s string) { t.Log(time.Now().Format("05.000 ") + s) }
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
		defer cancel()
		if _, err := d.Remove(ctx, c, e); err != nil {
			t.Error(err)
		}
	})
	return e
}

// within is until when something must have happened: it guards against hanging.
func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

const redisImage = "docker.io/library/redis:7.0.15"

func TestEngine_RedisCluster(t *testing.T) {
	for size, nodes := range map[string]int{catalog.Slim: 1, "ha": 6} {
		t.Run(size, func(t *testing.T) { testRedisCluster(t, redisCluster(t, size), nodes) })
	}
}

func testRedisCluster(t *testing.T, c catalog.Component, nodes int) {
	d, cli := onEngine(t, redisImage)
	ctx := within(t, 10*time.Minute)
	net, err := cli.NetworkCreate(ctx, "hyt_compose", network.CreateOptions{
		IPAM:   &network.IPAM{Config: []network.IPAMConfig{{Subnet: "192.168.213.0/24"}}},
		Labels: map[string]string{docker.PlatformLabel: "hyt"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cli.NetworkRemove(context.Background(), net.ID) })
	e := platform(t, d, c)

	apply := func(want engine.Outcome) {
		t.Helper()
		start := time.Now()
		got, err := d.Apply(ctx, c, e)
		if err != nil || got != want {
			t.Fatalf("got %s, %v; want %s", got, err, want)
		}
		t.Logf("%s in %s", got, time.Since(start).Round(time.Millisecond))
	}
	apply(engine.Created)
	apply(engine.Unchanged)
	if s, err := d.Status(ctx, c, e); s != "ready" {
		t.Errorf("status %q, %v", s, err)
	}
	cs, err := containers(ctx, cli, ProjectName(e.Name, c.Name))
	if err != nil || len(cs) != nodes+1 {
		t.Fatalf("%d containers, %v", len(cs), err)
	}
	for _, s := range cs {
		full, err := cli.ContainerInspect(ctx, s.id)
		if err != nil {
			t.Fatal(err)
		}
		if text, _ := json.Marshal(full); strings.Contains(string(text), password) {
			t.Errorf("docker inspect %s shows the password", s.name)
		}
	}

	// A node that lost its process comes back by itself; a removed one is made again.
	if err := cli.ContainerRemove(ctx, cs[1].id, forced); err != nil {
		t.Fatal(err)
	}
	if s, err := d.Status(ctx, c, e); s != cs[1].service+" has no container" {
		t.Errorf("without %s the status is %q, %v", cs[1].service, s, err)
	}
	apply(engine.Configured)
	testAllAtOnce(ctx, t, d, cli, c, e, apply)

	if out, err := d.Remove(ctx, c, e); err != nil || out != engine.Removed {
		t.Fatalf("remove: %s, %v", out, err)
	}
	if out, err := d.Remove(ctx, c, e); err != nil || out != engine.Unchanged {
		t.Errorf("second remove: %s, %v", out, err)
	}
	left, err := cli.VolumeList(ctx, volume.ListOptions{Filters: platformFilter(e.Name)})
	if err != nil || len(left.Volumes) > 0 {
		t.Errorf("volumes left: %d, %v", len(left.Volumes), err)
	}
}

// Nodes that are all made again may have other addresses, by which alone they know
// each other. They find together again, with what they hold.
func testAllAtOnce(ctx context.Context, t *testing.T, d *Driver, cli *client.Client, c catalog.Component, e engine.Env, apply func(engine.Outcome)) {
	t.Helper()
	nodes := func() []state {
		cs, err := containers(ctx, cli, ProjectName(e.Name, c.Name))
		if err != nil {
			t.Fatal(err)
		}
		return cs
	}
	says := func(command, want string) {
		t.Helper()
		script := "REDISCLI_AUTH=$(cat /run/secrets/redis-password) redis-cli -c " + command
		probe := catalog.Probe{Exec: &catalog.ExecProbe{Services: []string{"redis-node-1"}, Command: []string{"sh", "-c", script}, Expect: []string{want}}}
		if err := check(ctx, cli, c, e, probe, nodes()); err != nil {
			t.Error(err)
		}
	}
	says("set kept yes", "OK")
	// What is killed before it is written may have lost it by right: appendfsync everysec
	// holds a write back while an fsync is under way.
	written := catalog.Probe{Exec: &catalog.ExecProbe{Command: []string{"sh", "-c", "REDISCLI_AUTH=$(cat /run/secrets/redis-password) redis-cli info persistence"}, Expect: []string{"aof_enabled:1", "aof_buffer_length:0"}}}
	for _, s := range nodes() {
		if strings.HasPrefix(s.service, "redis-node-") {
			written.Exec.Services = append(written.Exec.Services, s.service)
		}
	}
	for err := check(ctx, cli, c, e, written, nodes()); err != nil; err = check(ctx, cli, c, e, written, nodes()) {
		if ctx.Err() != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond) // until the next look; ctx bounds them
	}
	for _, s := range nodes() {
		if err := cli.ContainerRemove(ctx, s.id, forced); err != nil {
			t.Fatal(err)
		}
	}
	apply(engine.Created)
	says("get kept", "yes")
	apply(engine.Unchanged)
}

// A container that cannot work must fail the run at once, with its own words.
func TestEngine_FailsFastWithTheLastWords(t *testing.T) {
	d, _ := onEngine(t, redisImage)
	c := catalog.Component{Name: "broken", Files: fstest.MapFS{"compose.yaml": {Data: []byte(`
services:
  job:
    image: docker.io/library/redis:7.0.15
    command: [sh, -c, "echo no such topic >&2; exit 3"]
    restart: "no"
    network_mode: none
`)}}}
	e := platform(t, d, c)
	_, err := d.Apply(within(t, 5*time.Minute), c, e)
	if err == nil || err.Error() != "job exited with code 3: no such topic" {
		t.Errorf("got %v", err)
	}
	files := map[string]string{}
	if err := d.Collect(t.Context(), c, e, func(name, text string) { files[name] = text }); err != nil {
		t.Error(err)
	}
	if !strings.Contains(files["job.log"], "no such topic") || !strings.Contains(files["job.json"], `"ExitCode": 3`) {
		t.Errorf("diagnostics %v", files)
	}
}

// A run that finds a service busy with itself, as PostgreSQL is after a fail-over,
// waits for it and has changed nothing.
func TestEngine_WaitingIsNoChange(t *testing.T) {
	d, cli := onEngine(t, redisImage)
	c := catalog.Component{
		Name: "busy",
		Files: fstest.MapFS{"compose.yaml": {Data: []byte(`
services:
  server:
    image: docker.io/library/redis:7.0.15
    command: [sh, -c, "echo done >/tmp/state; exec sleep 600"]
    restart: unless-stopped
    network_mode: none
    stop_grace_period: 0s
`)}},
		Ready: []catalog.Probe{{Exec: &catalog.ExecProbe{Services: []string{"server"}, Command: []string{"cat", "/tmp/state"}, Expect: []string{"done"}}}},
	}
	e := platform(t, d, c)
	ctx := within(t, 5*time.Minute)
	if got, err := d.Apply(ctx, c, e); err != nil || got != engine.Created {
		t.Fatalf("got %s, %v", got, err)
	}
	cs, err := containers(ctx, cli, ProjectName(e.Name, c.Name))
	if err != nil || len(cs) != 1 {
		t.Fatalf("%d containers, %v", len(cs), err)
	}
	run := func(script string) {
		t.Helper()
		made, err := cli.ContainerExecCreate(ctx, cs[0].id, container.ExecOptions{Cmd: []string{"sh", "-c", script}})
		if err == nil {
			err = cli.ContainerExecStart(ctx, made.ID, container.ExecStartOptions{Detach: true})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	run("echo busy >/tmp/state; sleep 3; echo done >/tmp/state")
	if got, err := d.Apply(ctx, c, e); err != nil || got != engine.Unchanged {
		t.Errorf("after a wait: got %s, %v", got, err)
	}
}

var forced = container.RemoveOptions{Force: true}

func platformFilter(name string) filters.Args {
	return filters.NewArgs(filters.Arg("label", docker.PlatformLabel+"="+name))
}
