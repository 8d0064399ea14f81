package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/buenhyden/hy-home/internal/apply"
	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/ready"
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

// attempt is a set-up that is to fail.
type attempt struct {
	cmd *exec.Cmd
	out strings.Builder
	mu  sync.Mutex
}

func (a *attempt) Write(b []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.out.Write(b)
}

func (a *attempt) text() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.out.String()
}

func (p *platform) start(t *testing.T, env []string, args ...string) *attempt {
	t.Helper()
	a := &attempt{cmd: exec.CommandContext(t.Context(), filepath.Join(p.out, "bin", "hyaction"), append(p.setup(t), args...)...)}
	a.cmd.Dir, a.cmd.Stdout, a.cmd.Stderr, a.cmd.Env = p.root, a, a, append(os.Environ(), env...)
	if err := a.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return a
}

// until waits until it says something, or is at its end.
func (a *attempt) until(t *testing.T, text string) {
	t.Helper()
	for range 600 {
		if strings.Contains(a.text(), text) {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("it never says %q:\n%s", text, a.text())
}

// fails waits for the end: it must be this exit code, with one error line that
// holds the text, and returns the folder of the diagnostics.
func (a *attempt) fails(t *testing.T, code int, cause string) string {
	t.Helper()
	_ = a.cmd.Wait() // the code is what counts
	out := a.text()
	if got := a.cmd.ProcessState.ExitCode(); got != code {
		t.Errorf("exit code %d, want %d", got, code)
	}
	lines := regexp.MustCompile(`(?m)^(?:::error[^:]*::|error: )(.*)$`).FindAllStringSubmatch(out, -1)
	if len(lines) != 1 || !strings.Contains(lines[0][1], cause) {
		t.Errorf("%d error lines, want one with %q:\n%s", len(lines), cause, out)
	} else {
		t.Logf("%s", lines[0][1])
	}
	dir := regexp.MustCompile(`(?m)^diagnostics=(.*)$`).FindStringSubmatch(out)
	if dir == nil {
		return ""
	}
	return dir[1]
}

func holdsFiles(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range append(names, "README.md", "cause.txt", "machine/memory.txt") {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil || dir == "" {
			t.Errorf("the diagnostics in %q lack %s", dir, name)
		}
	}
}

func (p *platform) subnetTaken(t *testing.T) {
	const other = "hyt-other"
	p.command(t, "docker", "network", "create", "--subnet", "172.19.128.0/24", other)
	defer p.command(t, "docker", "network", "rm", other)
	start := time.Now()
	if dir := p.start(t, nil).fails(t, 2, `"`+other+`"`); dir != "" {
		t.Errorf("nothing was touched, and there are diagnostics in %s", dir)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %s to say so", took)
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
	dir := a.fails(t, 1, "")
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
	a := p.start(t, nil)
	a.until(t, "kind")
	time.Sleep(8 * time.Second)
	if err := a.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	asked := time.Now()
	dir := a.fails(t, 130, "interrupt signal received")
	took := time.Since(asked)
	t.Logf("ended %.1f s after the signal", took.Seconds())
	if took > 7*time.Second {
		t.Errorf("it ended %s after the signal, and is killed after 7.5 s", took)
	}
	holdsFiles(t, dir, "docker/containers.txt")
	if p.command(t, "docker", "ps", "--all", "--quiet", "--filter", "label=io.x-k8s.kind.cluster=hy-home") == "" {
		t.Error("the nodes were taken down")
	}
}

// imageDoesNotExist adds a component that never starts to the catalog.
func (p *platform) imageDoesNotExist(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"profiles/broken.yaml": "name: broken\ndescription: A cluster with something in it that never starts\ncomponents: [kind-net, kind, namespaces, broken]\n",
		"components/broken/component.yaml": `name: broken
description: A workload whose image does not exist
tier: cluster
driver: manifest
needs:
  - {name: namespaces, why: it lives in one}
budget: {cpu: 10m, memory: 16Mi, disk: 1Mi}
images: ["localhost:5001/nobody/nothing:v1"]
timeout: 3m
namespace: apps
ready:
  - object: {kind: StatefulSet, name: broken}
`,
		"components/broken/manifests/broken.yaml": `apiVersion: apps/v1
kind: StatefulSet
metadata: {name: broken}
spec:
  serviceName: broken
  selector: {matchLabels: {app: broken}}
  template:
    metadata: {labels: {app: broken}}
    spec:
      securityContext: {runAsNonRoot: true, runAsUser: 999, seccompProfile: {type: RuntimeDefault}}
      containers:
      - {name: main, image: "localhost:5001/nobody/nothing:v1", securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}
`,
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	found := p.start(t, nil, "--catalog-dir", dir, "--profile", "broken").fails(t, 1, "broken: statefulset apps/broken is not ready: broken-0: ")
	holdsFiles(t, found, "cluster/pods.txt", "cluster/events.txt", "cluster/apps.broken-0.yaml", "kind/hy-home-control-plane.kubelet.log")
	cause, err := os.ReadFile(filepath.Join(found, "cause.txt"))
	if err != nil {
		t.Fatal(err)
	}
	after := regexp.MustCompile(`(?m)^broken +failed after ([0-9a-z.]+) .*localhost:5001/nobody/nothing:v1.*not found`).FindSubmatch(cause)
	if after == nil {
		t.Fatalf("the cause does not say which image was not found:\n%s", cause)
	}
	took, err := time.ParseDuration(string(after[1]))
	if err != nil || took > 15*time.Second {
		t.Errorf("it took %s (%v) to name the image, want 15 s at most", took, err)
	}
	t.Logf("named after %s", took)
	p.hyaction(t, "platform", "down") // it is a part of the platform until then, and status says how it is
}

func (p *platform) twoAtOnce(t *testing.T) {
	first := p.start(t, nil)
	first.until(t, "kind")
	p.start(t, nil).fails(t, 2, "another hyaction (process "+fmt.Sprint(first.cmd.Process.Pid)+") is at work on platform")
	if err := first.cmd.Wait(); err != nil {
		t.Fatalf("the first one: %v\n%s", err, first.text())
	}
	p.hyaction(t, "platform", "status")
}

// probes asks a cluster with kubelets what no other can answer.
func (p *platform) probes(t *testing.T) {
	cfg, err := apply.Load(filepath.Join(p.state(t), "kubeconfig"))
	if err != nil {
		t.Fatal(err)
	}
	cluster, err := ready.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		probe catalog.Probe
		want  string // "" holds
	}{
		{catalog.Probe{Exec: &catalog.ExecProbe{Pods: "app.kubernetes.io/name=prometheus", Command: []string{"prometheus", "--version"}, Expect: []string{"prometheus, version 2"}}}, ""},
		{catalog.Probe{Exec: &catalog.ExecProbe{Pods: "app.kubernetes.io/name=prometheus", Command: []string{"prometheus", "--version"}, Expect: []string{"version 9"}}}, `does not say "version 9"`},
		{catalog.Probe{Exec: &catalog.ExecProbe{Pods: "app.kubernetes.io/name=prometheus", Command: []string{"prometheus", "--no-such-flag"}}}, "the command ended with code "},
		{catalog.Probe{Exec: &catalog.ExecProbe{Pods: "app=nobody", Command: []string{"true"}}}, "there is no such pod"},
		{catalog.Probe{TCP: &catalog.TCPProbe{Service: "prometheus:9090"}}, ""},
		{catalog.Probe{TCP: &catalog.TCPProbe{Service: "prometheus:9090", Send: "GET /-/ready HTTP/1.0\r\n\r\n", Expect: "200 OK"}}, ""},
		{catalog.Probe{TCP: &catalog.TCPProbe{Service: "prometheus:9090", Send: "GET /nothing HTTP/1.0\r\n\r\n", Expect: "200 OK"}}, `does not say "200 OK"`},
		{catalog.Probe{TCP: &catalog.TCPProbe{Service: "prometheus:9999"}}, "the service has no port 9999"},
		{catalog.Probe{HTTP: &catalog.HTTPProbe{Service: "prometheus:9090", Path: "/-/ready", Expect: []string{"Ready"}}}, ""},
		{catalog.Probe{HTTP: &catalog.HTTPProbe{Service: "prometheus:9090", Path: "/api/v1/query?query=vector(1)", Expect: []string{`"status":"success"`}}}, ""},
		{catalog.Probe{HTTP: &catalog.HTTPProbe{Service: "prometheus:9090", Path: "/nothing", Status: 404}}, ""},
		{catalog.Probe{HTTP: &catalog.HTTPProbe{Service: "prometheus:9090", Path: "/-/ready", Expect: []string{"Tired"}}}, `does not say "Tired"`},
	} {
		limit := 15 * time.Second
		if c.want != "" {
			limit = 3 * time.Second
		}
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		err := cluster.Wait(ctx, catalog.Component{Name: "prometheus", Namespace: "monitoring", Ready: []catalog.Probe{c.probe}}, func(string) {})
		cancel()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s probe %+v %+v %+v: got %v, want %q", c.probe.Kind(), c.probe.Exec, c.probe.TCP, c.probe.HTTP, err, c.want)
		}
	}
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

// nodeKilled kills a node's container: the platform says which one is gone, and
// is whole again when it has been started.
func (p *platform) nodeKilled(t *testing.T) {
	const worker = "hy-home-worker"
	p.hyaction(t, p.setup(t)...)
	p.command(t, "docker", "kill", worker)
	holdsFiles(t, p.start(t, nil).fails(t, 1, "node "+worker+" is exited"), "docker/containers.txt", "kind/"+worker+".console.log")
	p.command(t, "docker", "start", worker)
	// Its pods are started again and again until the node's network is back.
	deadline := time.Now().Add(3 * time.Minute)
	for {
		again := p.start(t, nil)
		whole := again.cmd.Wait() == nil
		status := exec.CommandContext(t.Context(), filepath.Join(p.out, "bin", "hyaction"), "platform", "status")
		out, err := status.CombinedOutput()
		if whole && err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("it does not come back:\n%s\n%s", again.text(), out)
		}
		time.Sleep(3 * time.Second)
	}
}
