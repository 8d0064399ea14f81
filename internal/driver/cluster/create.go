package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"
	"sigs.k8s.io/kind/pkg/cluster"
	"sigs.k8s.io/kind/pkg/cluster/nodes"

	"github.com/buenhyden/hy-home/internal/disk"
	"github.com/buenhyden/hy-home/internal/engine"
)

// kubeletPatch lets the kubelet start on a host with cgroup v1: from Kubernetes
// 1.35 on it refuses by default, and 1.34 knows the field already.
//
// The parallel pulls are ours: one slow image would hold back all others of its
// node, as the kubelet pulls one after the other by default.
const kubeletPatch = `kind: KubeletConfiguration
apiVersion: kubelet.config.k8s.io/v1beta1
failCgroupV1: false
serializeImagePulls: false
maxParallelImagePulls: 4
`

// config is the kind configuration for the settings.
func config(s Settings) *v1alpha4.Cluster {
	if s.user != nil {
		return merged(s)
	}
	return &v1alpha4.Cluster{
		TypeMeta:             v1alpha4.TypeMeta{Kind: "Cluster", APIVersion: "kind.x-k8s.io/v1alpha4"},
		KubeadmConfigPatches: []string{kubeletPatch},
		Nodes:                plainNodes(s),
	}
}

func plainNodes(s Settings) []v1alpha4.Node {
	var nodes []v1alpha4.Node
	for range s.ControlPlanes {
		nodes = append(nodes, v1alpha4.Node{Role: v1alpha4.ControlPlaneRole, Image: s.Image})
	}
	for range s.Workers {
		nodes = append(nodes, v1alpha4.Node{Role: v1alpha4.WorkerRole, Image: s.Image})
	}
	return nodes
}

// create makes the cluster. On failure the nodes stay, half made: they are the
// only evidence. The marker file lets the next run make the cluster anew.
func (k *kind) create(ctx context.Context, s Settings) ([]nodes.Node, error) {
	if err := k.begun(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(k.kubeconfig), 0o700); err != nil {
		return nil, fmt.Errorf("directory of the kubeconfig: %w", err)
	}
	// kind merges into a file that is there: what an earlier cluster left must go.
	_ = os.Remove(k.kubeconfig)
	err := k.await(ctx, func() error {
		return k.provider.Create(k.name,
			cluster.CreateWithV1Alpha4Config(config(s)),
			cluster.CreateWithKubeconfigPath(k.kubeconfig),
			// Its own wait looks at control planes only, without a pause between
			// two looks, and ends in success when time is up. Ours comes after.
			cluster.CreateWithWaitForReady(0),
			cluster.CreateWithRetain(true),
			cluster.CreateWithDisplayUsage(false),
			cluster.CreateWithDisplaySalutation(false),
		)
	})
	have, listErr := k.nodes()
	if err == nil {
		return have, listErr
	}
	if disk.IsFull(err) {
		_ = os.Remove(k.kubeconfig) // kind may have written half of it
		err = disk.Explain(err, k.env.StateDir)
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("create kind cluster %s: %w (half made: the next run makes it anew)", k.name, ctx.Err())
	}
	return nil, withCause(ctx, fmt.Errorf("create kind cluster %s: %w", k.name, plain(err)), have)
}

// await runs work, which cannot be cancelled, and stops waiting for it when ctx
// ends. The marker file then tells the next run that the cluster is half made.
func (k *kind) await(ctx context.Context, work func() error) error {
	done := make(chan error, 1)
	go func() { done <- work() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// delete removes the nodes. The docker commands of a run that was killed outlive it
// by some seconds and may be removing them as well ("already in progress"): the
// next try finds fewer of them. Nor can docker end what is frozen: see [kind.thaw].
func (k *kind) delete(ctx context.Context, api inspector, have []nodes.Node) error {
	err := k.await(ctx, func() error { return k.provider.Delete(k.name, k.kubeconfig) })
	if err == nil {
		return nil
	}
	err = fmt.Errorf("delete kind cluster %s: %w", k.name, plain(err))
	if ctx.Err() != nil {
		return err
	}
	if frozen := k.thaw(ctx, api, have); frozen != nil {
		err = fmt.Errorf("%w: %w", err, frozen)
	}
	return engine.Transient(err)
}
