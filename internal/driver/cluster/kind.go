package cluster

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"
	"sigs.k8s.io/kind/pkg/cluster"
	"sigs.k8s.io/kind/pkg/cluster/nodes"

	"github.com/buenhyden/hy-home/internal/disk"
	"github.com/buenhyden/hy-home/internal/engine"
)

// markerFile in the state directory says that a creation has begun and not ended.
const markerFile = "kind-creating"

// kind is one cluster of kind's provider, with where this platform keeps its files.
type kind struct {
	name       string
	provider   *cluster.Provider
	kubeconfig string
	marker     string
	env        engine.Env
}

func newKind(env engine.Env) *kind {
	return &kind{
		name:       env.Name,
		provider:   cluster.NewProvider(cluster.ProviderWithDocker(), cluster.ProviderWithLogger(logger{env})),
		kubeconfig: env.Kubeconfig,
		marker:     filepath.Join(env.StateDir, markerFile),
		env:        env,
	}
}

// nodes lists the cluster's node containers, by name, whatever state they are in.
func (k *kind) nodes() ([]nodes.Node, error) {
	list, err := k.provider.ListNodes(k.name)
	if err != nil {
		return nil, fmt.Errorf("list the nodes of kind cluster %s: %w", k.name, err)
	}
	slices.SortFunc(list, func(a, b nodes.Node) int { return strings.Compare(a.String(), b.String()) })
	return list, nil
}

func names(list []nodes.Node) []string {
	out := make([]string, len(list))
	for i, n := range list {
		out[i] = n.String()
	}
	return out
}

func (k *kind) halfMade() bool {
	_, err := os.Stat(k.marker)
	return err == nil
}

func (k *kind) begun() error {
	if err := os.MkdirAll(filepath.Dir(k.marker), 0o700); err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	if err := disk.WriteFile(k.marker, []byte(time.Now().UTC().Format(time.RFC3339)+"\n")); err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	return nil
}

func (k *kind) finished() error {
	if err := os.Remove(k.marker); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("state directory: %w", err)
	}
	return nil
}

// balancer is the end of the name of the container that kind puts before several
// control planes; it is no node.
const balancer = "-external-load-balancer"

// members are the nodes that run Kubernetes.
func members(have []nodes.Node) []nodes.Node {
	return slices.DeleteFunc(slices.Clone(have), func(n nodes.Node) bool { return strings.HasSuffix(n.String(), balancer) })
}

// images gives the wanted image of each node, by the name that kind gives it.
func images(name string, s Settings) map[string]string {
	wanted, count := map[string]string{}, map[v1alpha4.NodeRole]int{}
	for _, n := range config(s).Nodes {
		count[n.Role]++
		node := name + "-" + string(n.Role)
		if count[n.Role] > 1 {
			node += fmt.Sprint(count[n.Role])
		}
		wanted[node] = n.Image
	}
	return wanted
}
