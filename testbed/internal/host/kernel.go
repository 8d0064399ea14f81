package host

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/exit"
)

// inotifyInstances is how many inotify instances the containers of all nodes may
// hold, as they all belong to root. Linux's default of 128 is too few for two
// clusters: kube-proxy then ends with "too many open files". kind's documentation
// recommends 512.
const inotifyInstances = 512

// RaiseInotify raises the kernel's limit where it is lower; until the next boot.
func RaiseInotify() (engine.Outcome, error) {
	return raise("/proc/sys/fs/inotify/max_user_instances", inotifyInstances)
}

func raise(file string, least int) (engine.Outcome, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	have, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		return "", fmt.Errorf("%s: %w", file, err)
	}
	if have >= least {
		return engine.Unchanged, nil
	}
	if err := os.WriteFile(file, []byte(strconv.Itoa(least)), 0o644); err != nil {
		return "", exit.BadInputf("%s is %d and must be at least %d for a cluster: %w", file, have, least, err)
	}
	return engine.Configured, nil
}
