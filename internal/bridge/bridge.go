// Package bridge joins the nodes of a kind cluster to the Docker network of the
// data tier, so that pods reach Compose services by the very names that these
// use among themselves.
//
// Joining the nodes is enough because a pod's traffic leaves its node under the
// node's own address, and because kind's nodes hand DNS questions on to Docker.
// Names, not addresses, are what cluster protocols need: Redis and Kafka tell
// their clients where else to go, and what they tell must be true for pods too.
package bridge

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/versions"
	"github.com/docker/docker/pkg/stdcopy"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// clusterLabel is what kind puts on its node containers; the value is the cluster's name.
const clusterLabel = "io.x-k8s.kind.cluster"

// homeNetwork is the network that kind makes its nodes on.
const homeNetwork = "kind"

// gwPriorityAPI is the first engine API (Docker 28.0) that takes a priority for
// the default route. Older engines choose by the networks' names, and
// "infra_net" sorts before "kind".
const gwPriorityAPI = "1.48"

// Docker is what the bridge asks of a Docker client.
type Docker interface {
	ClientVersion() string
	ContainerList(ctx context.Context, o container.ListOptions) ([]container.Summary, error)
	ContainerInspect(ctx context.Context, id string) (container.InspectResponse, error)
	NetworkConnect(ctx context.Context, network, container string, config *network.EndpointSettings) error
	NetworkDisconnect(ctx context.Context, network, container string, force bool) error
	ContainerExecCreate(ctx context.Context, container string, o container.ExecOptions) (container.ExecCreateResponse, error)
	ContainerExecAttach(ctx context.Context, exec string, o container.ExecAttachOptions) (types.HijackedResponse, error)
	ContainerExecInspect(ctx context.Context, exec string) (container.ExecInspect, error)
	ContainerCreate(ctx context.Context, config *container.Config, host *container.HostConfig, net *network.NetworkingConfig, platform *ocispec.Platform, name string) (container.CreateResponse, error)
	CopyToContainer(ctx context.Context, container, path string, content io.Reader, o container.CopyToContainerOptions) error
	ContainerStart(ctx context.Context, container string, o container.StartOptions) error
	ContainerWait(ctx context.Context, container string, until container.WaitCondition) (<-chan container.WaitResponse, <-chan error)
	ContainerLogs(ctx context.Context, container string, o container.LogsOptions) (io.ReadCloser, error)
	ContainerRemove(ctx context.Context, container string, o container.RemoveOptions) error
}

// Bridge joins the nodes of Cluster to Network.
type Bridge struct {
	Docker  Docker
	Cluster string // name of the kind cluster
	Network string // name of the Docker network
}

// Nodes returns the names of the cluster's node containers that run, sorted.
func (b Bridge) Nodes(ctx context.Context) ([]string, error) {
	list, err := b.Docker.ContainerList(ctx, container.ListOptions{
		Filters: filters.NewArgs(filters.Arg("label", clusterLabel+"="+b.Cluster), filters.Arg("status", "running")),
	})
	if err != nil {
		return nil, fmt.Errorf("list the nodes of cluster %s: %w", b.Cluster, err)
	}
	names := make([]string, 0, len(list))
	for _, c := range list {
		if len(c.Names) > 0 {
			names = append(names, strings.TrimPrefix(c.Names[0], "/"))
		}
	}
	slices.Sort(names)
	return names, nil
}

// Join connects a node to the network and keeps its default route where it was.
// It reports whether something had to be changed.
//
// An engine before 28.0 moves the node's published ports to the new network as
// well, as its name sorts first, and that cuts every open connection to the API
// server. Nothing may be talking to the cluster while its nodes are joined.
func (b Bridge) Join(ctx context.Context, node string) (bool, error) {
	at, err := b.networks(ctx, node)
	if err != nil {
		return false, err
	}
	changed := false
	if !at.joined {
		config := &network.EndpointSettings{}
		if b.hasPriority() {
			config.GwPriority = -1
		}
		if err := b.Docker.NetworkConnect(ctx, b.Network, node, config); err != nil {
			return false, fmt.Errorf("connect node %s to docker network %s: %w", node, b.Network, err)
		}
		changed = true
	}
	if b.hasPriority() || at.home == "" {
		return changed, nil
	}
	if !changed {
		is, err := b.routeIs(ctx, node, at.home)
		if err != nil || is {
			return false, err
		}
	}
	if _, err := b.exec(ctx, node, "ip", "-4", "route", "replace", "default", "via", at.home); err != nil {
		return false, fmt.Errorf("node %s: set the default route to %s: %w", node, at.home, err)
	}
	return true, nil
}

func (b Bridge) hasPriority() bool {
	return versions.GreaterThanOrEqualTo(b.Docker.ClientVersion(), gwPriorityAPI)
}

// Leave disconnects a node from the network; it reports whether it was on it.
func (b Bridge) Leave(ctx context.Context, node string) (bool, error) {
	at, err := b.networks(ctx, node)
	if err != nil || !at.joined {
		return false, err
	}
	if !b.hasPriority() && at.away != "" && b.Network < homeNetwork {
		// The engine believes that the default route is still where it moved it.
		// It has to find it there: else it takes back nothing now, and fails to
		// connect the node to any network from then on ("failed to set gateway").
		if _, err := b.exec(ctx, node, "ip", "-4", "route", "replace", "default", "via", at.away); err != nil {
			return false, fmt.Errorf("node %s: give the default route back: %w", node, err)
		}
	}
	if err := b.Docker.NetworkDisconnect(ctx, b.Network, node, true); err != nil && !errdefs.IsNotFound(err) {
		return false, fmt.Errorf("disconnect node %s from docker network %s: %w", node, b.Network, err)
	}
	return true, nil
}

// Joined reports whether a node is on the network.
func (b Bridge) Joined(ctx context.Context, node string) (bool, error) {
	at, err := b.networks(ctx, node)
	return at.joined, err
}

// place is where a node stands between the two networks.
type place struct {
	joined bool   // on the bridge's network
	home   string // gateway of its home network
	away   string // gateway of the bridge's network; "" if not joined
}

func (b Bridge) networks(ctx context.Context, node string) (place, error) {
	c, err := b.Docker.ContainerInspect(ctx, node)
	if err != nil {
		return place{}, fmt.Errorf("inspect node %s: %w", node, err)
	}
	if c.NetworkSettings == nil {
		return place{}, nil
	}
	var at place
	if n, ok := c.NetworkSettings.Networks[b.Network]; ok {
		at.joined, at.away = true, n.Gateway
	}
	if n := c.NetworkSettings.Networks[homeNetwork]; n != nil {
		at.home = n.Gateway
	}
	return at, nil
}

// routeIs reports that a node's default route leads to a gateway. Engines before
// 28.0 move it to the network whose name sorts first; both ways lead out, but
// then how a node reaches the world would depend on the engine's version.
func (b Bridge) routeIs(ctx context.Context, node, gateway string) (bool, error) {
	out, err := b.exec(ctx, node, "ip", "-4", "route", "show", "default")
	if err != nil {
		return false, fmt.Errorf("node %s: read the default route: %w", node, err)
	}
	return slices.Contains(strings.Fields(out), gateway), nil
}

// exec runs a command in a node and returns what it printed to stdout. A command
// that ends with another code than 0 is an error with what it printed to stderr.
func (b Bridge) exec(ctx context.Context, node string, command ...string) (string, error) {
	return b.feed(ctx, node, nil, command...)
}

// feed is exec with something for the command to read.
func (b Bridge) feed(ctx context.Context, node string, stdin io.Reader, command ...string) (string, error) {
	created, err := b.Docker.ContainerExecCreate(ctx, node, container.ExecOptions{Cmd: command, AttachStdin: stdin != nil, AttachStdout: true, AttachStderr: true})
	if err != nil {
		return "", err
	}
	conn, err := b.Docker.ContainerExecAttach(ctx, created.ID, container.ExecAttachOptions{})
	if err != nil {
		return "", err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, conn.Close) // the stream itself knows no context
	defer stop()
	fed := make(chan error, 1)
	go func() {
		if stdin == nil {
			fed <- nil
			return
		}
		_, err := io.Copy(conn.Conn, stdin)
		if closeErr := conn.CloseWrite(); err == nil {
			err = closeErr
		}
		fed <- err
	}()
	var stdout, stderr bytes.Buffer
	if _, err := stdcopy.StdCopy(&stdout, &stderr, conn.Reader); err != nil {
		return "", err
	}
	state, err := b.Docker.ContainerExecInspect(ctx, created.ID)
	if err != nil {
		return "", err
	}
	if state.ExitCode != 0 {
		return stdout.String(), fmt.Errorf("%s ended with %d: %s", command[0], state.ExitCode, strings.TrimSpace(stderr.String()))
	}
	if stdin == nil {
		return stdout.String(), nil
	}
	return stdout.String(), <-fed
}
