package bridge

import (
	"bufio"
	"bytes"
	"context"
	"net"
	"strings"
	"testing"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/pkg/stdcopy"
)

// engine is a Docker engine in memory with one cluster of two nodes.
type engine struct {
	Docker
	api      string
	networks map[string]map[string]*network.EndpointSettings // node -> network
	route    string                                          // default route of every node
	commands []string
	last     container.ExecOptions
}

func newEngine(api string) *engine {
	e := &engine{api: api, networks: map[string]map[string]*network.EndpointSettings{}, route: "default via 172.18.0.1 dev eth0"}
	for _, n := range []string{"lab-worker", "lab-control-plane"} {
		e.networks[n] = map[string]*network.EndpointSettings{"kind": {Gateway: "172.18.0.1"}}
	}
	return e
}

func (e *engine) ClientVersion() string { return e.api }

func (e *engine) ContainerList(_ context.Context, o container.ListOptions) ([]container.Summary, error) {
	if !o.Filters.ExactMatch("label", "io.x-k8s.kind.cluster=lab") {
		return nil, nil
	}
	return []container.Summary{{Names: []string{"/lab-worker"}}, {Names: []string{"/lab-control-plane"}}}, nil
}

func (e *engine) ContainerInspect(_ context.Context, id string) (container.InspectResponse, error) {
	return container.InspectResponse{NetworkSettings: &container.NetworkSettings{Networks: e.networks[id]}}, nil
}

func (e *engine) NetworkConnect(_ context.Context, net, id string, s *network.EndpointSettings) error {
	s.Gateway = "172.19.0.1"
	e.networks[id][net] = s
	if s.GwPriority == 0 {
		e.route = "default via 172.19.0.1 dev eth1"
	}
	return nil
}

func (e *engine) NetworkDisconnect(_ context.Context, net, id string, _ bool) error {
	delete(e.networks[id], net)
	return nil
}

func (e *engine) ContainerExecCreate(_ context.Context, id string, o container.ExecOptions) (container.ExecCreateResponse, error) {
	e.commands = append(e.commands, id+": "+strings.Join(o.Cmd, " "))
	e.last = o
	return container.ExecCreateResponse{ID: "1"}, nil
}

func (e *engine) ContainerExecAttach(context.Context, string, container.ExecAttachOptions) (types.HijackedResponse, error) {
	out := ""
	switch cmd := strings.Join(e.last.Cmd, " "); {
	case cmd == "ip -4 route show default":
		out = e.route + "\n"
	case strings.HasPrefix(cmd, "ip -4 route replace default via "):
		e.route = strings.TrimPrefix(cmd, "ip -4 route replace ")
	}
	var b bytes.Buffer
	_, _ = stdcopy.NewStdWriter(&b, stdcopy.Stdout).Write([]byte(out))
	_, conn := net.Pipe()
	return types.HijackedResponse{Conn: conn, Reader: bufio.NewReader(&b)}, nil
}

func (e *engine) ContainerExecInspect(context.Context, string) (container.ExecInspect, error) {
	return container.ExecInspect{}, nil
}

func TestJoin_KeepsTheDefaultRouteAndIsIdempotent(t *testing.T) {
	for _, api := range []string{"1.41", "1.48"} {
		t.Run(api, func(t *testing.T) {
			e := newEngine(api)
			b := Bridge{Docker: e, Cluster: "lab", Network: "infra_net"}
			ctx := context.Background()
			for _, want := range []bool{true, false} {
				changed, err := b.Join(ctx, "lab-worker")
				if err != nil || changed != want {
					t.Errorf("changed %v, %v; want %v", changed, err, want)
				}
				if !strings.Contains(e.route, "via 172.18.0.1") {
					t.Errorf("default route is %q", e.route)
				}
			}
			if api == "1.48" && (len(e.commands) > 0 || e.networks["lab-worker"]["infra_net"].GwPriority != -1) {
				t.Errorf("an engine that takes a priority needs no route set by hand: %q", e.commands)
			}
			if left, err := b.Leave(ctx, "lab-worker"); err != nil || !left {
				t.Errorf("leave: %v, %v", left, err)
			}
			// What an old engine moved, it must find there when it takes the network back.
			if want := map[string]string{"1.41": "default via 172.19.0.1", "1.48": "default via 172.18.0.1 dev eth0"}[api]; e.route != want {
				t.Errorf("left with %q, want %q", e.route, want)
			}
			if left, err := b.Leave(ctx, "lab-worker"); err != nil || left {
				t.Errorf("leave again: %v, %v", left, err)
			}
		})
	}
}

func TestNodes_AreSorted(t *testing.T) {
	got, err := Bridge{Docker: newEngine("1.41"), Cluster: "lab"}.Nodes(context.Background())
	if err != nil || strings.Join(got, " ") != "lab-control-plane lab-worker" {
		t.Errorf("got %v, %v", got, err)
	}
}
