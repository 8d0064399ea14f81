package compose

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/buenhyden/hy-home/internal/catalog"
)

// checkTimeout bounds one try of a probe: a command that hangs must not use up
// the component's whole time.
const checkTimeout = 5 * time.Second

// check tries a probe once; the error says what does not hold yet.
func check(ctx context.Context, cli *client.Client, p catalog.Probe, cs []state) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	switch {
	case p.Exec != nil:
		return checkExec(ctx, cli, *p.Exec, cs)
	case p.HTTP != nil:
		return checkHTTP(ctx, *p.HTTP)
	}
	return errors.New("a Compose component can only have exec and http probes")
}

func checkExec(ctx context.Context, cli *client.Client, p catalog.ExecProbe, cs []state) error {
	for _, service := range p.Services {
		id := ""
		for _, s := range cs {
			if s.service == service {
				id = s.id
			}
		}
		if id == "" {
			return fmt.Errorf("%s has no container", service)
		}
		out, err := execute(ctx, cli, id, p.Command)
		if err != nil {
			return fmt.Errorf("%s: %w", service, err)
		}
		for _, want := range p.Expect {
			if !strings.Contains(out, want) {
				return fmt.Errorf("%s does not say %q yet", service, want)
			}
		}
	}
	return nil
}

// execute runs a command in a container and returns what it prints.
func execute(ctx context.Context, cli *client.Client, id string, command []string) (string, error) {
	created, err := cli.ContainerExecCreate(ctx, id, container.ExecOptions{Cmd: command, AttachStdout: true, AttachStderr: true})
	if err != nil {
		return "", err
	}
	conn, err := cli.ContainerExecAttach(ctx, created.ID, container.ExecAttachOptions{})
	if err != nil {
		return "", err
	}
	defer conn.Close()
	// The hijacked connection knows no context.
	stop := context.AfterFunc(ctx, conn.Close)
	defer stop()
	var stdout, stderr bytes.Buffer
	if _, err := stdcopy.StdCopy(&stdout, &stderr, conn.Reader); err != nil {
		return "", errors.Join(ctx.Err(), err)
	}
	done, err := cli.ContainerExecInspect(ctx, created.ID)
	if err != nil {
		return "", err
	}
	if done.ExitCode != 0 {
		return "", fmt.Errorf("the probe's command exited with code %d: %s", done.ExitCode, strings.TrimSpace(stderr.String()+stdout.String()))
	}
	return stdout.String(), nil
}

func checkHTTP(ctx context.Context, p catalog.HTTPProbe) error {
	want := p.Status
	if want == 0 {
		want = http.StatusOK
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL+p.Path, nil)
	if err != nil {
		return err
	}
	resp, err := new(http.Client).Do(req) // the time limit is the request's context
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != want {
		return fmt.Errorf("%s answers %d, want %d", req.URL, resp.StatusCode, want)
	}
	return nil
}
