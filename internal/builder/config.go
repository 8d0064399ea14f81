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

// writeConfig makes a Docker configuration of its own in dir: what base holds,
// with the login added. "docker login" would write the password into the user's
// configuration and leave it on the machine.
func writeConfig(dir, base string, l Login) error {
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
		// Plugins, builders and contexts belong to the configuration too.
		for _, name := range []string{"cli-plugins", "buildx", "contexts"} {
			from := filepath.Join(base, name)
			if _, err := os.Stat(from); err == nil {
				if from, err = filepath.Abs(from); err != nil {
					return err
				}
				if err := os.Symlink(from, filepath.Join(dir, name)); err != nil {
					return err
				}
			}
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

func section(config map[string]any, name string) map[string]any {
	s, ok := config[name].(map[string]any)
	if !ok {
		s = map[string]any{}
		config[name] = s
	}
	return s
}
