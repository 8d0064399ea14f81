package compose

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"strings"
	"sync"

	"github.com/docker/cli/cli/command"
	"github.com/docker/cli/cli/config/types"
	"github.com/docker/cli/cli/flags"
	"github.com/docker/compose/v2/pkg/api"
	"github.com/docker/compose/v2/pkg/compose"
	"github.com/docker/docker/client"

	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/pull"
)

// newService makes Compose work on our connection; what it would print becomes
// progress.
func newService(cli *client.Client, env engine.Env) (api.Compose, error) {
	dockerCLI, err := newCLI(cli, env)
	if err != nil {
		return nil, err
	}
	answer := func(string, bool) (bool, error) { return true, nil }
	return compose.NewComposeService(dockerCLI, compose.WithPrompt(answer)), nil
}

// newCLI is what the libraries of Docker's commands ask for in place of a connection.
func newCLI(cli *client.Client, env engine.Env) (*command.DockerCli, error) {
	out := &lines{say: env.Progress}
	dockerCLI, err := command.NewDockerCli(command.WithAPIClient(cli), command.WithCombinedStreams(out), command.WithInputStream(io.NopCloser(strings.NewReader(""))))
	if err != nil {
		return nil, fmt.Errorf("prepare compose: %w", err)
	}
	// Reads ~/.docker/config.json, which holds the registry logins.
	if err := dockerCLI.Initialize(&flags.ClientOptions{Hosts: []string{cli.DaemonHost()}, LogLevel: "panic"}); err != nil {
		return nil, fmt.Errorf("prepare compose: %w", err)
	}
	if password := env.Secrets[pull.PasswordSecret]; password != "" {
		// In memory alone: the file is the user's. No helper is asked for Docker Hub.
		config := dockerCLI.ConfigFile()
		config.AuthConfigs = maps.Clone(config.AuthConfigs)
		config.CredentialHelpers = maps.Clone(config.CredentialHelpers)
		if config.AuthConfigs == nil {
			config.AuthConfigs = map[string]types.AuthConfig{}
		}
		if config.CredentialHelpers == nil {
			config.CredentialHelpers = map[string]string{}
		}
		config.AuthConfigs[dockerHub] = types.AuthConfig{ServerAddress: dockerHub, Username: env.Values[pull.UsernameValue], Password: password}
		config.CredentialHelpers[dockerHub] = ""
	}
	return dockerCLI, nil
}

// dockerHub is the name that Docker's configuration has for Docker Hub.
const dockerHub = "https://index.docker.io/v1/"

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
