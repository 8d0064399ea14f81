package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/kind/pkg/cluster/nodes"
)

// freezer is where Linux keeps what is frozen, with version 1 of its cgroups. Version
// 2 has no such directory and no such fault: what is frozen can be killed there.
const freezer = "/sys/fs/cgroup/freezer"

// thaw lets the nodes' processes go on, so that they can end. With version 1 a
// process that is frozen takes no SIGKILL, and runc freezes a container while it sets
// its limits: a node that is killed at that moment never ends, and docker says that it
// "did not receive an exit event". Nodes on another machine are not found here, and
// nothing is done.
func (k *kind) thaw(ctx context.Context, api inspector, have []nodes.Node) error {
	var ids []string
	for _, n := range have {
		if c, err := api.ContainerInspect(ctx, n.String()); err == nil { // else it is gone
			ids = append(ids, c.ID)
		}
	}
	thawed, err := thaw(freezer, ids)
	if thawed > 0 {
		k.env.Progress(fmt.Sprintf("thawed %d cgroups that were frozen in the nodes", thawed))
	}
	return err
}

// thaw thaws every cgroup below those whose names hold one of the containers' IDs: how
// they are called besides, and where they lie, depends on the engine's settings.
func thaw(root string, ids []string) (thawed int, err error) {
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, walkErr error) error {
		if walkErr != nil || !entry.IsDir() || !slices.ContainsFunc(ids, func(id string) bool { return id != "" && strings.Contains(path, id) }) {
			return nil //nolint:nilerr // cgroups go while one looks, with what was frozen in them
		}
		file := filepath.Join(path, "freezer.state")
		state, readErr := os.ReadFile(file)
		if readErr != nil || bytes.Equal(bytes.TrimSpace(state), []byte("THAWED")) {
			return nil //nolint:nilerr // as above
		}
		writeErr := os.WriteFile(file, []byte("THAWED"), 0o644)
		if errors.Is(writeErr, fs.ErrPermission) {
			return fmt.Errorf("a process in it is frozen, and this user may not thaw it: do so (echo THAWED | sudo tee %s): %w", file, writeErr)
		}
		if writeErr == nil {
			thawed++
		}
		return nil
	})
	return thawed, err
}
