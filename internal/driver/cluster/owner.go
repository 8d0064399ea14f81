package cluster

import (
	"context"
	"fmt"
	"path"

	"github.com/docker/docker/api/types/container"
	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/kind/pkg/cluster/nodes"

	"github.com/buenhyden/hy-home/internal/exit"
)

// ownerDir on a node holds a file that is called as the platform that made it. A
// label of the container would say it better, but kind takes none of ours, and
// the cluster's name alone is what one of somebody else's may have as well.
const ownerDir = "/etc/hyaction"

// furnish writes on nodes that were made just now which platform has made them, and
// the registries' files. It is one request for each node, as each is a process of the
// engine's.
func furnish(ctx context.Context, api copier, platform string, nodes []string, registries map[string]string) error {
	files := map[string]string{path.Join(ownerDir, platform): "made by hyaction\n"}
	for name, text := range registries {
		files[path.Join(certsDir, name)] = text
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, node := range nodes {
		g.Go(func() error {
			if err := api.CopyToContainer(ctx, node, "/", archive("/", files), container.CopyToContainerOptions{}); err != nil {
				return fmt.Errorf("node %s: write %s and %s: %w", node, ownerDir, certsDir, err)
			}
			return nil
		})
	}
	return g.Wait()
}

// signed reports whether one of the nodes says that the platform has made it: they
// are all made together. It asks the engine, as a node may not be running.
func signed(ctx context.Context, api copier, platform string, nodes []string) (bool, error) {
	for _, node := range nodes {
		files, err := readFiles(ctx, api, node, ownerDir)
		if err != nil {
			return false, fmt.Errorf("node %s: read %s: %w", node, ownerDir, err)
		}
		if _, ours := files[platform]; ours {
			return true, nil
		}
	}
	return false, nil
}

// own lists the nodes of the platform's cluster. One of the same name that the
// platform has not made is a [strangerError]; what a run of its own that was cut
// short has left bears no sign yet.
func (k *kind) own(ctx context.Context, api copier) ([]nodes.Node, error) {
	have, err := k.nodes()
	if err != nil || len(have) == 0 || k.halfMade() {
		return have, err
	}
	ours, err := signed(ctx, api, k.name, names(have))
	if err == nil && !ours {
		err = exit.BadInputf("%w", &strangerError{k.name, have[0].String()})
	}
	return have, err
}

// strangerError is a kind cluster with the platform's name that is not its own.
type strangerError struct{ cluster, node string }

func (e *strangerError) Error() string {
	return fmt.Sprintf("there is a kind cluster %s (node %s) that this platform did not make: choose another name, use the cluster as it is (cluster: existing), or delete it (kind delete cluster --name %s); if it was made by a hyaction older than the note of that, write the note (docker exec %s install -D /dev/null %s/%s)",
		e.cluster, e.node, e.cluster, e.node, ownerDir, e.cluster)
}
