package compose

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
)

// checkups runs the health checks of containers that the engine has not looked at
// yet. Its first look comes an interval after the start, and it goes on at that
// interval for as long as the container lives, a process in it each time: 0.14
// processor seconds on the test bed, where nine containers that were asked each 1 to
// 2 s took a third of two processors. As the start is looked at from here, files can
// have long intervals and nobody waits for one. (Docker 25's start_interval would do,
// too: Compose refuses it before an older engine.)
type checkups map[string]*checkup // by [state.life]

// checkup is what is known of one container.
type checkup struct {
	passed bool
	left   bool      // to the engine, which can kill a process that does not end
	next   time.Time // when it is asked again
}

// How long is between two looks at a container: an eighth of the time for which it
// has been starting, so that what starts slowly is not held up by being asked.
const (
	checkupShare    = 8
	shortestCheckup = 500 * time.Millisecond
	longestCheckup  = 5 * time.Second
)

// run looks at those that are due, all at once, and makes them healthy that are. As
// for the engine, one good answer is enough; that a container is not healthy for good
// remains the engine's to say.
func (c checkups) run(ctx context.Context, cli *client.Client, cs []state) {
	var all sync.WaitGroup
	for i := range cs {
		s := &cs[i]
		if s.health != container.Starting || len(s.check) == 0 || s.status != "running" {
			continue
		}
		at := c[s.life()]
		if at == nil {
			at = &checkup{}
			c[s.life()] = at
		}
		switch {
		case at.passed:
			s.health = container.Healthy
		case !at.left && !time.Now().Before(at.next):
			all.Go(func() { at.look(ctx, cli, s) })
		}
	}
	all.Wait()
}

// look runs the check once.
func (c *checkup) look(ctx context.Context, cli *client.Client, s *state) {
	_, err := execute(ctx, cli, s.id, s.check)
	switch {
	case err == nil:
		c.passed, s.health = true, container.Healthy
	case errors.Is(err, context.DeadlineExceeded):
		c.left = true
	}
	now := time.Now()
	c.next = now.Add(min(max(now.Sub(s.started)/checkupShare, shortestCheckup), longestCheckup))
}

// life is a container from one start to the next.
func (s state) life() string { return s.id + s.started.String() }

// checkCommand is the command of a health check, nil for none: see HealthConfig.
func checkCommand(c *container.Config) []string {
	if c.Healthcheck == nil || len(c.Healthcheck.Test) < 2 {
		return nil
	}
	switch test := c.Healthcheck.Test; test[0] {
	case "CMD":
		return test[1:]
	case "CMD-SHELL":
		shell := []string(c.Shell)
		if len(shell) == 0 {
			shell = []string{"/bin/sh", "-c"}
		}
		return append(append([]string{}, shell...), test[1])
	}
	return nil // NONE
}

// examined lists a project's containers as [containers] does, and looks at those
// that the engine has not looked at yet.
func examined(ctx context.Context, cli *client.Client, project string) ([]state, error) {
	cs, err := containers(ctx, cli, project)
	if err == nil {
		checkups{}.run(ctx, cli, cs)
	}
	return cs, err
}
