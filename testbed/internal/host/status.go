package host

import (
	"context"
	"fmt"

	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"

	"github.com/buenhyden/hy-home/internal/run"
)

// State is what is to be said of the pieces around the images, in a few words.
type State struct {
	Network, Fence, Registry string
}

// Inspect looks at them and changes nothing.
func Inspect(ctx context.Context, c *client.Client, runner run.Runner) State {
	s := State{Network: "absent", Fence: "down", Registry: "down"}
	if n, err := c.NetworkInspect(ctx, Network, network.InspectOptions{}); err == nil && len(n.IPAM.Config) > 0 {
		s.Network = fmt.Sprintf("%s, %d containers", n.IPAM.Config[0].Subnet, len(n.Containers))
	}
	if packets, err := (Fence{Runner: runner}).Refused(ctx); err == nil {
		s.Fence = fmt.Sprintf("up, %d packets refused", packets)
	}
	if RegistryAnswers(ctx) {
		s.Registry = "up"
	}
	return s
}
