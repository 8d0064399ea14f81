// Package host brings one machine to where a test bed can stand on it: Debian's
// packages, a Docker engine with the images in it, a registry, and a fence around
// the networks. Every step can be run again from any half-done state.
package host

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/run"
)

// Tools says which Debian package has a program or file that a test bed needs: a name
// in PATH, or a pattern of its path.
type Tools map[string]string

// DockerTools run a Docker engine of our own.
func DockerTools() Tools { return Tools{"dockerd": "docker.io", "iptables": "iptables"} }

// BuildTools make images from Debian packages.
func BuildTools() Tools {
	return Tools{
		"mmdebstrap": "mmdebstrap", "containerd": "containerd", "ctr": "containerd",
		// Debian has it; Ubuntu could not tell Debian's packages from forged ones.
		"/usr/share/keyrings/debian-archive-keyring.gpg": "debian-archive-keyring",
	}
}

// PlainTools are what a bed of plain processes takes from Debian, and tests that
// start servers of their own.
func PlainTools() Tools {
	return Tools{
		"prometheus": "prometheus",
		// Not redis-server, which is this program under another name, and a service.
		"redis-check-rdb": "redis-tools",
		// Debian keeps the server's programs out of PATH.
		"/usr/lib/postgresql/*/bin/postgres": "postgresql",
		"ssh":                                "openssh-client", // Git's way to a repository behind SSH
	}
}

// missing lists the packages of the tools that are not in PATH, sorted.
func (t Tools) missing(lookPath func(string) (string, error)) []string {
	want := map[string]bool{}
	for tool, pkg := range t {
		if _, err := lookPath(tool); err != nil {
			want[pkg] = true
		}
	}
	return sorted(want)
}

// look finds a program by its name, or by a pattern of its path.
func look(tool string) (string, error) {
	if !strings.Contains(tool, "/") {
		return exec.LookPath(tool)
	}
	found, err := filepath.Glob(tool)
	if err == nil && len(found) == 0 {
		err = exec.ErrNotFound
	}
	if err != nil {
		return "", err
	}
	return found[0], nil
}

// Install installs what is missing, on a Debian or Ubuntu as root. Elsewhere it
// says what is missing and changes nothing.
func Install(ctx context.Context, runner run.Runner, t Tools, progress func(string)) (engine.Outcome, error) {
	missing := t.missing(look)
	if len(missing) == 0 {
		return engine.Unchanged, nil
	}
	list := strings.Join(missing, " ")
	if _, err := exec.LookPath("apt-get"); err != nil || os.Geteuid() != 0 {
		return "", exit.BadInputf("these Debian packages are missing: %s; install them, or run this as root on a Debian", list)
	}
	env := []string{"DEBIAN_FRONTEND=noninteractive"}
	apt := func(args ...string) error {
		_, err := runner.Run(ctx, run.Cmd{Name: "apt-get", Args: args, Env: env})
		return err
	}
	install := append([]string{"install", "--yes", "--quiet", "--no-install-recommends", "--"}, missing...)
	progress("apt-get install " + list)
	if err := apt(install...); err == nil {
		return engine.Created, nil
	}
	// The lists are missing or old on a fresh machine.
	progress("apt-get update")
	if err := apt("update", "--quiet"); err != nil {
		return "", err
	}
	progress("apt-get install " + list)
	if err := apt(install...); err != nil {
		return "", fmt.Errorf("install %s: %w", list, err)
	}
	return engine.Created, nil
}
