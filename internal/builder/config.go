package builder

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Login is a user at one registry.
type Login struct {
	Host               string // "ghcr.io"; Docker Hub is "index.docker.io"
	Username, Password string
}

// WriteConfig makes a Docker configuration of its own in dir, which it makes too: what
// base holds, with the login added. "docker login" would write the password into the
// user's configuration and leave it on the machine.
func WriteConfig(dir, base string, l Login) error {
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
	host := l.Host
	if host == "index.docker.io" {
		host = "https://index.docker.io/v1/" // Docker Hub's key since the days of its first API
	}
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
