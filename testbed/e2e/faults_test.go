package e2e

import (
	"cmp"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// faults breaks set-ups in the middle, each in its own way: every one must end
// soon, in one line that names the cause, with the diagnostics written and
// nothing torn down, and the next one must start from what it left.
func (p *platform) faults(t *testing.T) {
	p.hyaction(t, "platform", "down")
	for _, part := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"SubnetTaken", p.subnetTaken},
		{"ClusterOfSomebodyElse", p.strangersCluster},
		{"EngineGoesAway", p.engineGoesAway},
		{"Interrupted", p.interrupted},
		{"ImageDoesNotExist", p.imageDoesNotExist},
		{"TwoAtOnce", p.twoAtOnce},
		{"ProbesOfARunningCluster", p.probes},
		{"NodeKilled", p.nodeKilled},
	} {
		if !t.Run(part.name, part.run) {
			break
		}
	}
	p.hyaction(t, "platform", "down")
	p.nothingLeft(t)
}

func (p *platform) subnetTaken(t *testing.T) {
	const other = "hyt-other"
	p.command(t, "docker", "network", "create", "--subnet", "172.19.128.0/24", other)
	defer p.command(t, "docker", "network", "rm", other)
	if dir := p.start(t, nil).fails(t, 2, `"`+other+`"`); dir != "" {
		t.Errorf("nothing was touched, and there are diagnostics in %s", dir)
	}
	p.nothingLeft(t)
}

// engineGoesAway cuts the socket to the engine in the middle.
func (p *platform) engineGoesAway(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "docker.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var open []net.Conn
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			engine, err := net.Dial("unix", "/var/run/docker.sock")
			if err != nil {
				_ = client.Close()
				continue
			}
			mu.Lock()
			open = append(open, client, engine)
			mu.Unlock()
			go forward(engine.(*net.UnixConn), client.(*net.UnixConn))
			go forward(client.(*net.UnixConn), engine.(*net.UnixConn))
		}
	}()
	a := p.start(t, []string{"DOCKER_HOST=unix://" + socket})
	a.until(t, "redis-cluster")
	time.Sleep(3 * time.Second) // containers are being made
	_ = listener.Close()        // which removes the socket
	mu.Lock()
	for _, c := range open {
		_ = c.Close()
	}
	mu.Unlock()
	cut := time.Now()
	dir := a.fails(t, 1, "the Docker engine at unix://"+socket+" does not answer any more")
	took := time.Since(cut)
	t.Logf("ended %.1f s after the engine was gone", took.Seconds())
	if took > time.Minute {
		t.Errorf("it ended %s after the engine was gone", took)
	}
	holdsFiles(t, dir, "docker/errors.txt")
}

// forward copies one direction and hands its end on.
func forward(to, from *net.UnixConn) {
	_, _ = io.Copy(to, from) // either side may go at any time
	_ = to.CloseWrite()
}

// interrupted sends what the runner sends to a job that is cancelled.
func (p *platform) interrupted(t *testing.T) {
	nodes := func() []string {
		return strings.Fields(p.command(t, "docker", "ps", "--all", "--quiet", "--filter", "label=io.x-k8s.kind.cluster=hy-home"))
	}
	old := nodes() // that a run before left half made
	a := p.start(t, nil)
	p.claimed(t, a)
	fresh := func(id string) bool { return !slices.Contains(old, id) }
	for deadline := time.Now().Add(3 * time.Minute); !slices.ContainsFunc(nodes(), fresh); time.Sleep(500 * time.Millisecond) { // into the middle of the cluster's making
		if time.Now().After(deadline) {
			t.Fatalf("no node is made:\n%s", a.text())
		}
	}
	if err := a.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	asked := time.Now()
	dir := a.fails(t, 130, "interrupt signal received")
	t.Logf("ended %.1f s after the signal; the runner waits for 7.5 s", time.Since(asked).Seconds())
	holdsFiles(t, dir, "docker/containers.txt")
	if len(nodes()) == 0 {
		t.Error("the nodes were taken down")
	}
}

func (p *platform) twoAtOnce(t *testing.T) {
	first := p.start(t, nil)
	p.claimed(t, first)
	p.start(t, nil).fails(t, 2, "another hyaction (process "+fmt.Sprint(first.cmd.Process.Pid)+") is at work on platform")
	if err := first.cmd.Wait(); err != nil {
		t.Fatalf("the first one: %v\n%s", err, first.text())
	}
	p.hyaction(t, "platform", "status")
}

// claimed waits until an attempt has the platform for itself.
func (p *platform) claimed(t *testing.T, a *attempt) {
	t.Helper()
	dir := cmp.Or(os.Getenv("XDG_STATE_HOME"), filepath.Join(os.Getenv("HOME"), ".local", "state"))
	for range 3000 {
		if text, _ := os.ReadFile(filepath.Join(dir, "hyaction", "hy-home.lock")); strings.TrimSpace(string(text)) == fmt.Sprint(a.cmd.Process.Pid) {
			return
		}
		time.Sleep(100 * time.Millisecond) // until its next look at the lock
	}
	t.Fatalf("it never claims the platform:\n%s", a.text())
}

// state is the directory of the platform's state: where its reports lie.
func (p *platform) state(t *testing.T) string {
	t.Helper()
	out := p.hyaction(t, p.setup(t)...)
	path := regexp.MustCompile(`(?m)^kubeconfig=(.*)$`).FindStringSubmatch(out)
	if path == nil {
		t.Fatalf("there is no kubeconfig:\n%s", out)
	}
	return filepath.Dir(path[1])
}
