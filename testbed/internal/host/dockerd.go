package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/buenhyden/hy-home/internal/docker"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/testbed/internal/parts"
)

const (
	startLimit = 2 * time.Minute // dockerd takes 2 s; more if it must clean up after a crash, or others compile
	stopLimit  = time.Minute     // it gives containers 15 s to end
)

// Dockerd is the Docker engine that a test bed starts where none runs. It
// outlives the program: its process number and its log lie in Dir.
type Dockerd struct {
	Dir     string         // for dockerd.pid and dockerd.log
	Runtime string         // path of runc-bounded
	Engine  *docker.Engine // how it is reached
}

// Start starts the engine unless one answers already, whoever started that.
func (d *Dockerd) Start(ctx context.Context, progress func(string)) (engine.Outcome, error) {
	if _, err := d.Engine.Client(ctx); err == nil {
		return engine.Unchanged, d.check(ctx)
	}
	if os.Geteuid() != 0 {
		return "", exit.BadInputf("no Docker engine runs at %s, and only root can start one", docker.DefaultHost)
	}
	if err := os.MkdirAll(d.Dir, 0o755); err != nil {
		return "", err
	}
	// dockerd refuses to start when the file names any living process, be it a
	// stranger that was given the number of a dockerd long gone.
	if _, running := d.pid(); !running {
		if err := os.Remove(d.pidFile()); err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", err
		}
	}
	progress("starting dockerd")
	ended, err := d.spawn()
	if err != nil {
		return "", err
	}
	deadline := time.Now().Add(startLimit)
	for {
		_, err := d.Engine.Client(ctx)
		if err == nil {
			return engine.Created, nil
		}
		if time.Now().After(deadline) {
			return "", fmt.Errorf("dockerd does not answer: %w; %s", err, lastLine(d.log()))
		}
		select {
		case state := <-ended:
			return "", fmt.Errorf("dockerd has ended (%s): %s", state, lastLine(d.log()))
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// spawn starts dockerd in a session of its own, so that it is no part of ours. Should it
// end while we are here, it is told how.
func (d *Dockerd) spawn() (ended <-chan string, err error) {
	log, err := os.OpenFile(d.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	bounded, err := capabilitiesAreBounded()
	if err != nil {
		return nil, err
	}
	c := exec.Command("dockerd", d.args(bounded)...)
	c.Stdout, c.Stderr = log, log
	c.Dir = "/"
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := c.Start(); err != nil {
		return nil, fmt.Errorf("start dockerd: %w", err)
	}
	end := make(chan string, 1)
	go func() { _ = c.Wait(); end <- c.ProcessState.String() }() // which says more than the error
	return end, nil
}

func (d *Dockerd) args(bounded bool) []string {
	args := []string{"--pidfile", d.pidFile()}
	if bounded {
		args = append(args, "--add-runtime", parts.RuncBounded+"="+d.Runtime, "--default-runtime", parts.RuncBounded)
	}
	return args
}

// check finds out whether an engine that was there before can run nodes, which
// are privileged containers.
func (d *Dockerd) check(ctx context.Context) error {
	bounded, err := capabilitiesAreBounded()
	if err != nil || !bounded {
		return err
	}
	client, err := d.Engine.Client(ctx)
	if err != nil {
		return err
	}
	info, err := client.Info(ctx)
	if err != nil {
		return err
	}
	if info.DefaultRuntime == "runc" && strings.HasPrefix(client.DaemonHost(), "unix://") {
		return exit.BadInputf("this machine lacks CAP_SYS_RESOURCE, so that its Docker engine cannot start privileged containers with runc: "+
			"stop it (a new one is then started the right way), or give it --add-runtime %[1]s=%[2]s --default-runtime %[1]s", parts.RuncBounded, d.Runtime)
	}
	return nil
}

// Stop ends the engine if Start started it.
func (d *Dockerd) Stop(ctx context.Context, progress func(string)) (engine.Outcome, error) {
	pid, running := d.pid()
	if !running {
		return engine.Unchanged, nil
	}
	progress("stopping dockerd")
	if err := d.Engine.Close(); err != nil {
		return "", err
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return "", fmt.Errorf("stop dockerd (process %d): %w", pid, err)
	}
	for deadline := time.Now().Add(stopLimit); time.Now().Before(deadline); {
		if _, running := d.pid(); !running {
			return engine.Removed, nil
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	return "", fmt.Errorf("dockerd (process %d) has not ended %s after SIGTERM; its log is %s", pid, stopLimit, d.log())
}

func (d *Dockerd) pidFile() string { return filepath.Join(d.Dir, "dockerd.pid") }
func (d *Dockerd) log() string     { return filepath.Join(d.Dir, "dockerd.log") }

// pid is the process of the engine that Start started, if it runs. A number that
// now belongs to something else does not count.
func (d *Dockerd) pid() (pid int, running bool) {
	data, err := os.ReadFile(d.pidFile())
	if err != nil {
		return 0, false
	}
	if pid, err = strconv.Atoi(strings.TrimSpace(string(data))); err != nil {
		return 0, false
	}
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return pid, err == nil && strings.TrimSpace(string(name)) == "dockerd"
}

// capabilitiesAreBounded reports whether this machine withholds
// CAP_SYS_RESOURCE (number 24) from every process.
func capabilitiesAreBounded() (bool, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return false, err
	}
	for line := range strings.Lines(string(status)) {
		if set, ok := strings.CutPrefix(line, "CapBnd:"); ok {
			bits, err := strconv.ParseUint(strings.TrimSpace(set), 16, 64)
			return bits&(1<<24) == 0, err
		}
	}
	return false, errors.New("/proc/self/status has no line CapBnd")
}

func lastLine(file string) string {
	data, err := os.ReadFile(file)
	if err != nil {
		return "no log: " + err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return "the last line of " + file + ": " + lines[len(lines)-1]
}

func sorted(set map[string]bool) []string {
	var list []string
	for s := range set {
		list = append(list, s)
	}
	slices.Sort(list)
	return list
}
