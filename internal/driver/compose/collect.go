package compose

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
)

// evidenceLines of each container's log are kept: the start of a crash loop and
// what led to it, not the whole life of the container.
const evidenceLines = "1000"

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
	var faults []error
	for _, s := range cs {
		full, err := cli.ContainerInspect(ctx, s.id)
		if err == nil {
			var text []byte
			text, err = json.MarshalIndent(full, "", "  ")
			write(s.service+".json", string(text))
		}
		faults = append(faults, err)
		logs, err := cli.ContainerLogs(ctx, s.id, container.LogsOptions{ShowStdout: true, ShowStderr: true, Timestamps: true, Tail: evidenceLines})
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
