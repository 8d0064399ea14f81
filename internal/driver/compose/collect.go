package compose

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
)

// logLines of each container's log are kept: the start of a crash loop and
// what led to it, not the whole life of the container.
const logLines = "1000"

// Collect hands over the state and the log of every container of the project.
func (d *Driver) Collect(ctx context.Context, c catalog.Component, env engine.Env, write func(name, text string)) error {
	cli, err := d.docker.Client(ctx)
	if err != nil {
		return err
	}
	cs, err := containers(ctx, cli, ProjectName(env.Name, c.Name))
	if err != nil {
		return err
	}
	// Those at fault first: time may run out.
	slices.SortStableFunc(cs, func(a, b state) int { return cmp.Compare(rank(a), rank(b)) })
	var faults []error
	for _, s := range cs {
		full, err := cli.ContainerInspect(ctx, s.id)
		if err == nil {
			var text []byte
			text, err = json.MarshalIndent(full, "", "  ")
			write(s.service+".json", string(text))
		}
		faults = append(faults, err)
		logs, err := cli.ContainerLogs(ctx, s.id, container.LogsOptions{ShowStdout: true, ShowStderr: true, Timestamps: true, Tail: logLines})
		if err != nil {
			faults = append(faults, err)
			continue
		}
		var out bytes.Buffer
		_, err = stdcopy.StdCopy(&out, &out, logs)
		faults = append(faults, err, logs.Close())
		write(s.service+".log", out.String())
	}
	return errors.Join(faults...)
}

// rank is 0 for a container that is wrong for good, 1 for one that is not up.
func rank(s state) int {
	up, _ := s.up(time.Now())
	switch {
	case s.fault() != "":
		return 0
	case !up:
		return 1
	}
	return 2
}
