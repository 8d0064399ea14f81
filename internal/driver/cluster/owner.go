package cluster

import (
	"context"
	"fmt"

	"sigs.k8s.io/kind/pkg/cluster/nodes"

	"github.com/buenhyden/hy-home/internal/exit"
)

// ownerDir on a node holds a file that is called as the platform that made it. A
// label of the container would say it better, but kind takes none of ours, and
// the cluster's name alone is what one of somebody else's may have as well.
const ownerDir = "/etc/hyaction"

// sign notes on the nodes which platform has made them.
func sign(ctx context.Context, api copier, platform string, nodes []string) error {
	_, err := writeFiles(ctx, api, nodes, ownerDir, map[string]string{platform: "made by hyaction\n"})
	return err
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
