package compose

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
)

// A health check that the engine runs each ten minutes is not waited for: not at the
// start, not by a run or a question that comes soon after. What it does not say for
// itself nobody takes for healthy.
func TestEngine_LooksBeforeTheEngineDoes(t *testing.T) {
	d, cli := onEngine(t, redisImage)
	c := catalog.Component{Name: "seldom", Files: fstest.MapFS{"compose.yaml": {Data: []byte(`
services:
  server:
    image: docker.io/library/redis:7.0.15
    command: [sh, -c, "sleep 2; touch /tmp/well; exec sleep 600"]
    restart: unless-stopped
    network_mode: none
    stop_grace_period: 0s
    healthcheck: {test: "[ -e /tmp/well ]", interval: 10m}
  others:
    image: docker.io/library/redis:7.0.15
    command: [sleep, "600"]
    scale: 4
    restart: unless-stopped
    network_mode: none
    stop_grace_period: 0s
    healthcheck: {test: [CMD, "true"], interval: 10m}
`)}}}
	const server = 4 // they are sorted by service
	e := platform(t, d, c)
	ctx := within(t, 5*time.Minute)
	if got, err := d.Apply(ctx, c, e); err != nil || got != engine.Created {
		t.Fatalf("got %s, %v", got, err)
	}
	cs, err := containers(ctx, cli, ProjectName(e.Name, c.Name))
	if err != nil || len(cs) != 5 || cs[server].health != container.Starting {
		t.Fatalf("the engine has looked already: %+v, %v", cs, err)
	}
	if got, err := d.Apply(ctx, c, e); err != nil || got != engine.Unchanged {
		t.Errorf("again: got %s, %v", got, err)
	}
	if got, err := d.Status(ctx, c, e); err != nil || got != "ready" {
		t.Errorf("status: got %s, %v", got, err)
	}
	if _, err := execute(ctx, cli, cs[server].id, []string{"rm", "/tmp/well"}); err != nil {
		t.Fatal(err)
	}
	if got, err := d.Status(ctx, c, e); err != nil || got != "server is starting" {
		t.Errorf("status of one that is not well: got %s, %v", got, err)
	}
	for limit := 4 * time.Second; ; limit *= 2 { // until it is enough to come as far as the wait
		_, err := d.Apply(within(t, limit), c, e)
		if err != nil && strings.Contains(err.Error(), "4 of 5 containers are up, server is starting") {
			break
		}
		if err == nil || limit > 2*time.Minute {
			t.Fatalf("one that is not well: %v", err)
		}
	}
	// A process that hangs is in the container until the engine ends it: there is one.
	if cs, err = containers(ctx, cli, ProjectName(e.Name, c.Name)); err != nil || len(cs) != 5 {
		t.Fatalf("%d containers, %v", len(cs), err)
	}
	cs[server].check = []string{"sleep", "601"}
	looks := checkups{}
	for range 3 {
		looks.run(ctx, cli, cs)
	}
	top, err := cli.ContainerTop(ctx, cs[server].id, nil)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(fmt.Sprint(top.Processes), "sleep 601"); n != 1 || cs[server].health != container.Starting {
		t.Errorf("%d checks hang, and it is %s", n, cs[server].health)
	}
}

func TestCheckCommand(t *testing.T) {
	for _, c := range []struct{ test, shell, want []string }{
		{nil, nil, nil},
		{[]string{"NONE"}, nil, nil},
		{[]string{"CMD"}, nil, nil},
		{[]string{"CMD", "redis-cli", "ping"}, nil, []string{"redis-cli", "ping"}},
		{[]string{"CMD-SHELL", "true || false"}, nil, []string{"/bin/sh", "-c", "true || false"}},
		{[]string{"CMD-SHELL", "true"}, []string{"/bin/bash", "-ec"}, []string{"/bin/bash", "-ec", "true"}},
	} {
		got := checkCommand(&container.Config{Healthcheck: &container.HealthConfig{Test: c.test}, Shell: c.shell})
		if !slices.Equal(got, c.want) {
			t.Errorf("%v: got %v, want %v", c.test, got, c.want)
		}
	}
	if checkCommand(&container.Config{}) != nil {
		t.Error("no health check has a command")
	}
}
