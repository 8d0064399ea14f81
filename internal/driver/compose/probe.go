package compose

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
)

// askTimeout bounds one question: one that hangs must not use up the component's
// whole time. A probe of six nodes asks six, each of which may take a second on a
// busy machine.
const askTimeout = 5 * time.Second

// check tries a probe once; the error says what does not hold yet.
func check(ctx context.Context, cli *client.Client, c catalog.Component, env engine.Env, p catalog.Probe, cs []state) error {
	switch {
	case p.Speak != nil:
		return checkSpeak(ctx, cli, c, env, *p.Speak, cs)
	case p.Exec != nil:
		return checkExec(ctx, cli, *p.Exec, cs)
	case p.HTTP != nil:
		return checkHTTP(ctx, cli, *p.HTTP, cs)
	case p.TCP != nil:
		return checkTCP(ctx, cli, *p.TCP, cs)
	}
	return errors.New("a Compose component can only have speak, exec, http and tcp probes")
}

func checkExec(ctx context.Context, cli *client.Client, p catalog.ExecProbe, cs []state) error {
	for _, service := range p.Services {
		id, err := containerOf(service, cs)
		if err != nil {
			return err
		}
		out, err := execute(ctx, cli, id, p.Command)
		if err != nil {
			return fmt.Errorf("%s: %w", service, err)
		}
		if err := says(service, out, p.Expect); err != nil {
			return err
		}
	}
	return nil
}

// execute runs a command in a container and returns what it prints, within [askTimeout].
func execute(ctx context.Context, cli *client.Client, id string, command []string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
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

func checkHTTP(ctx context.Context, cli *client.Client, p catalog.HTTPProbe, cs []state) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	want, url := p.Status, p.URL
	if want == 0 {
		want = http.StatusOK
	}
	if p.Service != "" {
		address, err := addressOf(ctx, cli, p.Service, cs)
		if err != nil {
			return err
		}
		url = "http://" + address
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+p.Path, nil)
	if err != nil {
		return err
	}
	resp, err := new(http.Client).Do(req) // the time limit is the request's context
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	what := p.Service + p.URL + p.Path
	if resp.StatusCode != want {
		return fmt.Errorf("%s answers %d, want %d", what, resp.StatusCode, want)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return err
	}
	return says(what, string(body), p.Expect)
}

// checkTCP opens a port of a service's container and asks what the probe asks.
func checkTCP(ctx context.Context, cli *client.Client, p catalog.TCPProbe, cs []state) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	address, err := addressOf(ctx, cli, p.Service, cs)
	if err != nil {
		return err
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("%s: %w", p.Service, err)
	}
	defer conn.Close()
	if p.Expect == "" {
		return nil
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if _, err := io.WriteString(conn, p.Send); err != nil {
		return fmt.Errorf("%s: %w", p.Service, err)
	}
	var got strings.Builder
	chunk := make([]byte, 512)
	for got.Len() < maxAnswer && !strings.Contains(got.String(), p.Expect) {
		n, err := conn.Read(chunk)
		got.Write(chunk[:n])
		if err != nil {
			break // what was read so far is the answer
		}
	}
	return says(p.Service, got.String(), []string{p.Expect})
}

// maxAnswer is as much of an answer as is looked at.
const maxAnswer = 256 << 10

// says names the first text that an answer lacks.
func says(who, answer string, texts []string) error {
	for _, want := range texts {
		if !strings.Contains(answer, want) {
			return fmt.Errorf("%s does not say %q yet", who, want)
		}
	}
	return nil
}

func containerOf(service string, cs []state) (string, error) {
	for _, s := range cs {
		if s.service == service {
			return s.id, nil
		}
	}
	return "", fmt.Errorf("%s has no container", service)
}

// addressOf is where "service:port" answers: the address of its container, which
// the machine of the engine can reach without a published port.
func addressOf(ctx context.Context, cli *client.Client, service string, cs []state) (string, error) {
	name, port, _ := strings.Cut(service, ":")
	id, err := containerOf(name, cs)
	if err != nil {
		return "", err
	}
	full, err := cli.ContainerInspect(ctx, id)
	if err != nil {
		return "", err
	}
	for _, network := range slices.Sorted(maps.Keys(full.NetworkSettings.Networks)) {
		if ip := full.NetworkSettings.Networks[network].IPAddress; ip != "" {
			return net.JoinHostPort(ip, port), nil
		}
	}
	return "", fmt.Errorf("%s has no address", name)
}
