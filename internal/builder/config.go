package builder

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Login is a user at one registry.
type Login struct {
	Host               string // "ghcr.io"; Docker Hub is "index.docker.io"
	Username, Password string
}

// Config makes a Docker configuration for one run and answers with the environment that
// names it: what base holds, with the login added. It is there until remove is called;
// of a run that was killed, the next one removes it.
func (l Login) Config(ctx context.Context, base string) (env []string, remove func(), err error) {
	now := time.Now()
	private, err := privateDir(until(ctx, now), now)
	if err != nil {
		return nil, nil, err
	}
	remove = func() { _ = os.RemoveAll(private) }
	if env, err = l.writeConfig(private, base); err != nil {
		remove()
	}
	return env, remove, err
}

// writeConfig makes it in a directory that is private. "docker login" would write the
// password into the user's configuration and leave it on the machine.
func (l Login) writeConfig(private, base string) ([]string, error) {
	dir := filepath.Join(private, "docker")
	if err := l.writeFiles(dir, base); err != nil {
		return nil, fmt.Errorf("write a Docker configuration for %s: %w", l.Host, err)
	}
	return []string{"DOCKER_CONFIG=" + dir}, nil
}

func (l Login) writeFiles(dir, base string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	config := map[string]any{}
	if base != "" {
		raw, err := os.ReadFile(filepath.Join(base, "config.json"))
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return err
		default:
			if err := json.Unmarshal(raw, &config); err != nil {
				return err
			}
		}
		if err := linkOthers(dir, base); err != nil {
			return err
		}
	}
	host := configHost(l.Host)
	section(config, "auths")[host] = map[string]any{
		"auth": base64.StdEncoding.EncodeToString([]byte(l.Username + ":" + l.Password)),
	}
	// A credential helper would be asked instead of auths; an empty one for
	// this host alone turns that off and leaves the others as they are.
	section(config, "credHelpers")[host] = ""
	raw, err := json.Marshal(config)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "config.json"), raw, 0o600)
}

// configHost is what Docker calls a registry in its configuration.
func configHost(host string) string {
	if host == "index.docker.io" {
		return "https://index.docker.io/v1/" // Docker Hub's key since the days of its first API
	}
	return host
}

// linkOthers takes over what lies beside config.json: plugins, builders, contexts,
// certificates of an engine.
func linkOthers(dir, base string) error {
	base, err := filepath.Abs(base)
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(base)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if e.Name() == "config.json" {
			continue
		}
		if err := os.Symlink(filepath.Join(base, e.Name()), filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return err
}

func section(config map[string]any, name string) map[string]any {
	s, ok := config[name].(map[string]any)
	if !ok {
		s = map[string]any{}
		config[name] = s
	}
	return s
}
