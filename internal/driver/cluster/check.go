package cluster

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	dockernet "github.com/docker/docker/api/types/network"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/kind/pkg/cluster/nodes"

	"github.com/buenhyden/hy-home/internal/apply"
	"github.com/buenhyden/hy-home/internal/exit"
)

// inspector is what this package asks the Docker engine about a cluster.
type inspector interface {
	NetworkInspect(ctx context.Context, id string, o dockernet.InspectOptions) (dockernet.Inspect, error)
	ContainerInspect(ctx context.Context, id string) (container.InspectResponse, error)
}

// checkNetwork makes sure that the network is there before kind would make one
// on whatever subnet is free, which then differs from run to run.
func checkNetwork(ctx context.Context, api inspector, values map[string]string) error {
	net, err := api.NetworkInspect(ctx, network, dockernet.InspectOptions{})
	if errdefs.IsNotFound(err) {
		return exit.BadInputf("docker network %q does not exist: choose component kind-net as well, which makes it with the wanted subnet", network)
	}
	if err != nil {
		return fmt.Errorf("inspect docker network %s: %w", network, err)
	}
	want := values["kind-net-subnet"]
	if want == "" {
		return nil
	}
	for _, c := range net.IPAM.Config {
		if have, err := netip.ParsePrefix(c.Subnet); err == nil && have.String() == want {
			return nil
		}
	}
	return exit.BadInputf("docker network %q has another subnet than %s: remove it (docker network rm %s) when nothing uses it", network, want, network)
}

// check reports what is wrong with a cluster that exists, with the cure.
func (k *kind) check(ctx context.Context, api inspector, s Settings, have []nodes.Node) error {
	const cure = "remove it with `hyaction platform down` and bring the platform up again"
	have = members(have)
	if want := s.ControlPlanes + s.Workers; len(have) != want {
		return fmt.Errorf("kind cluster %s has %d nodes, want %d: %s", k.name, len(have), want, cure)
	}
	wanted := images(k.name, s)
	for _, n := range have {
		want, known := wanted[n.String()]
		if !known {
			return fmt.Errorf("kind cluster %s has a node %s, which is not wanted: %s", k.name, n, cure)
		}
		c, err := api.ContainerInspect(ctx, n.String())
		if err != nil {
			return fmt.Errorf("inspect node %s: %w", n, err)
		}
		if !c.State.Running {
			return fmt.Errorf("kind cluster %s: node %s is %s (exit code %d): start it (docker start %s), or %s", k.name, n, c.State.Status, c.State.ExitCode, n, cure)
		}
		if c.Config.Image != want {
			return fmt.Errorf("kind cluster %s: node %s runs %s, want %s: %s", k.name, n, c.Config.Image, want, cure)
		}
	}
	// The kubeconfig may be gone, or of a cluster that had this name before, whose
	// certificates were others. To have it from kind takes docker's own command and a
	// process in a node.
	quick, stop := context.WithTimeout(ctx, 2*time.Second)
	defer stop()
	if waitReady(quick, k.kubeconfig, len(have), func(string) {}) == nil {
		return nil
	}
	if err := k.provider.ExportKubeConfig(k.name, k.kubeconfig, false); err != nil {
		return fmt.Errorf("kind cluster %s: read its kubeconfig: %w: %s", k.name, err, cure)
	}
	short, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if err := waitReady(short, k.kubeconfig, len(have), func(string) {}); err != nil {
		return fmt.Errorf("kind cluster %s: %w: %s", k.name, err, cure)
	}
	return nil
}

// waitReady returns when the API server answers and counts want nodes, all of
// them Ready. A node that joins is there within seconds, so this polls.
func waitReady(ctx context.Context, kubeconfig string, want int, progress func(string)) error {
	cfg, err := apply.Load(kubeconfig)
	if err != nil {
		return err
	}
	c, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return fmt.Errorf("kubernetes client: %w", err)
	}
	return awaitNodes(ctx, c, want, progress)
}

func awaitNodes(ctx context.Context, c kubernetes.Interface, want int, progress func(string)) error {
	ticker := time.NewTicker(300 * time.Millisecond)
	defer ticker.Stop()
	told := ""
	var last error
	for {
		list, err := c.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		if err == nil {
			ready, why := countReady(list.Items)
			if ready == want && len(list.Items) == want {
				return nil
			}
			text := fmt.Sprintf("%d of %d nodes Ready", ready, want)
			last = fmt.Errorf("%s%s", text, why)
			if text != told {
				progress(text)
				told = text
			}
		} else if ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			if last == nil {
				last = ctx.Err()
			}
			return fmt.Errorf("%w (%w)", last, ctx.Err())
		case <-ticker.C:
		}
	}
}

// countReady counts the Ready nodes and says why the first other one is not.
func countReady(list []corev1.Node) (ready int, why string) {
	for _, n := range list {
		message := "has no condition Ready yet"
		ok := false
		for _, c := range n.Status.Conditions {
			if c.Type == corev1.NodeReady {
				ok, message = c.Status == corev1.ConditionTrue, c.Message
			}
		}
		if ok {
			ready++
		} else if why == "" {
			why = fmt.Sprintf("; %s: %s", n.Name, message)
		}
	}
	return ready, why
}
