package compose

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/docker/cli/cli/command"
	"github.com/docker/cli/cli/flags"
	"github.com/docker/compose/v2/pkg/api"
	"github.com/docker/compose/v2/pkg/compose"
	"github.com/docker/docker/client"

	"github.com/buenhyden/hy-home/internal/engine"
)

// newService makes Compose work on our connection; what it would print becomes
// progress.
func newService(cli *client.Client, env engine.Env) (api.Compose, error) {
	out := &lines{say: env.Progress}
	dockerCLI, err := command.NewDockerCli(command.WithAPIClient(cli), command.WithCombinedStreams(out), command.WithInputStream(io.NopCloser(strings.NewReader(""))))
	if err != nil {
		return nil, fmt.Errorf("prepare compose: %w", err)
	}
	// Reads ~/.docker/config.json, which holds the registry logins.
	if err := dockerCLI.Initialize(&flags.ClientOptions{Hosts: []string{cli.DaemonHost()}, LogLevel: "panic"}); err != nil {
		return nil, fmt.Errorf("prepare compose: %w", err)
	}
	answer := func(string, bool) (bool, error) { return true, nil }
	return compose.NewComposeService(dockerCLI, compose.WithPrompt(answer)), nil
}

// lines turns a stream into one call per line. Compose writes from many goroutines.
type lines struct {
	say func(string)

	mu   sync.Mutex
	rest []byte
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, p...)
	for {
		line, rest, found := bytes.Cut(l.rest, []byte("\n"))
		if !found {
			return len(p), nil
		}
		l.rest = rest
		if text := strings.Join(strings.Fields(string(line)), " "); text != "" {
			l.say(text)
		}
	}
}
