package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/buenhyden/hy-home/internal/apply"
	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/ready"
	"github.com/buenhyden/hy-home/internal/testkit"
)

// imageDoesNotExist adds a component that never starts to the catalog.
func (p *platform) imageDoesNotExist(t *testing.T) {
	dir := t.TempDir()
	testkit.Write(t, dir, map[string]string{
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
	})
	a := p.start(t, nil, "--catalog-dir", dir, "--profile", "broken")
	found := a.fails(t, 1, "broken: statefulset apps/broken is not ready: broken-0: ")
	if out := a.text(); !strings.Contains(out, "\nkubeconfig=/") || !strings.Contains(out, "\ncontext=kind-hy-home\n") || !strings.Contains(out, "\nreport=/") {
		t.Errorf("who looks for the cause is not led to the cluster and the report:\n%s", out)
	}
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
	if err != nil || took > time.Minute { // its own time limit is not what ended it
		t.Errorf("it took %s (%v) to name the image", took, err)
	}
	t.Logf("named after %s", took)
	p.hyaction(t, "platform", "down") // it is a part of the platform until then, and status says how it is
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
		for limit := 3 * time.Second; ; limit *= 2 { // until it is enough to see what is asked for
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			err := cluster.Wait(ctx, catalog.Component{Name: "prometheus", Namespace: "monitoring", Ready: []catalog.Probe{c.probe}}, func(string) {})
			cancel()
			if c.want == "" && err == nil || c.want != "" && err != nil && strings.Contains(err.Error(), c.want) {
				break
			}
			if err == nil || limit > time.Minute {
				t.Errorf("%s probe %+v %+v %+v: got %v, want %q", c.probe.Kind(), c.probe.Exec, c.probe.TCP, c.probe.HTTP, err, c.want)
				break
			}
		}
	}
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
	deadline := time.Now().Add(6 * time.Minute)
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
		time.Sleep(3 * time.Second) // each look is a whole platform status
	}
}
