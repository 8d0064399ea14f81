package main

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// conflistPath is where containerd looks; it takes the first file by name.
const conflistPath = "/etc/cni/net.d/10-podnet.conflist"

// conflist gives each pod a link of its own to the node (ptp): there is no bridge
// to configure, and the node's routing table is the whole truth. The address
// records lie in /run, which a restarted node forgets as it forgets its pods.
const conflist = `{
  "cniVersion": "0.4.0",
  "name": "podnet",
  "plugins": [
    {
      "type": "ptp",
      "ipMasq": false,
      "mtu": 1500,
      "ipam": {
        "type": "host-local",
        "dataDir": "/run/cni-ipam-state",
        "routes": [{"dst": "0.0.0.0/0"}],
        "ranges": [[{"subnet": %q}]]
      }
    },
    {"type": "portmap", "capabilities": {"portMappings": true}}
  ]
}
`

// network is this node's side of the pod network.
type network struct {
	self string
	done map[string]string // node -> what was set up for it
}

// sync does what one node's addresses ask for, unless it is done already.
func (w *network) sync(ctx context.Context, n node) error {
	if n.Spec.PodCIDR == "" {
		return nil // not yet given one by the controller manager
	}
	pods, err := netip.ParsePrefix(n.Spec.PodCIDR)
	if err != nil {
		return fmt.Errorf("node %s: %w", n.Metadata.Name, err)
	}
	if n.Metadata.Name == w.self {
		return w.once(n, pods.String(), func() error {
			return writeFile(conflistPath, fmt.Appendf(nil, conflist, pods.String()))
		})
	}
	via, err := netip.ParseAddr(n.address())
	if err != nil {
		return nil // a node that has not joined yet has no address
	}
	return w.once(n, pods.String()+" via "+via.String(), func() error {
		return command(ctx, nil, "ip", "route", "replace", pods.String(), "via", via.String())
	})
}

func (w *network) once(n node, state string, do func() error) error {
	if w.done[n.Metadata.Name] == state {
		return nil
	}
	if err := do(); err != nil {
		return fmt.Errorf("node %s: %w", n.Metadata.Name, err)
	}
	log.Printf("%s: %s", n.Metadata.Name, state)
	w.done[n.Metadata.Name] = state
	return nil
}

// masquerade hides pods behind the node's address where a packet leaves the pod
// network and the node. The table is ours alone: added, emptied and filled in one
// transaction, whatever an earlier run left behind.
func (w *network) masquerade(ctx context.Context, podSubnet string) error {
	pods, err := netip.ParsePrefix(podSubnet)
	if err != nil {
		return fmt.Errorf("POD_SUBNET: %w", err)
	}
	rules := fmt.Sprintf(`add table ip podnet
delete table ip podnet
table ip podnet {
  chain postrouting {
    type nat hook postrouting priority 100;
    ip saddr %[1]s ip daddr != %[1]s fib daddr type != local masquerade
  }
}
`, pods)
	return command(ctx, []byte(rules), "nft", "-f", "-")
}

// writeFile replaces a file in one step: containerd watches the directory and
// reads whatever it finds.
func writeFile(path string, data []byte) error {
	temp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path))
	if err := os.WriteFile(temp, data, 0o644); err != nil {
		return err
	}
	return os.Rename(temp, path)
}

func command(ctx context.Context, stdin []byte, name string, args ...string) error {
	c := exec.CommandContext(ctx, name, args...)
	c.Stdin = bytes.NewReader(stdin)
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return nil
}
