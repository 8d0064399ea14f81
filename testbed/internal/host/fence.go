package host

import (
	"context"
	"fmt"
	"strings"

	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/run"
)

// fenced holds the networks of both tiers, 172.18.0.0/16 and 172.19.0.0/16: one
// prefix, so that the two may still speak to each other.
const fenced = "172.18.0.0/15"

// Fence keeps every packet of the platform's networks on this machine, whatever
// its link to the outside is called. Without it a packet to an address that
// nothing in the cluster answers for (a Service before kube-proxy has its rules)
// would leave, and some networks answer for anything. Containers on other
// networks, such as builds, are not touched.
type Fence struct {
	Runner run.Runner
}

// chain is Docker's own for rules of the machine's owner. Docker makes it, never
// empties it, and sends every forwarded packet through it first.
const chain = "DOCKER-USER"

// rule refuses rather than drops: what waits for an answer learns at once that
// none will come. A packet that is bridged, not routed, goes from container to
// container: nodes send those for pods to one another that way, to addresses of
// the pods' network.
func rule() []string {
	return []string{
		"--source", fenced, "!", "--destination", fenced,
		"--match", "physdev", "!", "--physdev-is-bridged",
		"--match", "comment", "--comment", "hy-home test bed: stays on this machine",
		"--jump", "REJECT", "--reject-with", "icmp-net-prohibited",
	}
}

// Raise puts the fence up.
func (f Fence) Raise(ctx context.Context) (engine.Outcome, error) {
	if f.stands(ctx) {
		return engine.Unchanged, nil
	}
	if err := f.iptables(ctx, append([]string{"--insert", chain, "1"}, rule()...)...); err != nil {
		return "", fmt.Errorf("raise the fence around %s: %w", fenced, err)
	}
	return engine.Created, nil
}

// Lower takes it down.
func (f Fence) Lower(ctx context.Context) (engine.Outcome, error) {
	if !f.stands(ctx) {
		return engine.Unchanged, nil
	}
	for f.stands(ctx) {
		if err := f.iptables(ctx, append([]string{"--delete", chain}, rule()...)...); err != nil {
			return "", fmt.Errorf("lower the fence around %s: %w", fenced, err)
		}
	}
	return engine.Removed, nil
}

func (f Fence) stands(ctx context.Context) bool {
	return f.iptables(ctx, append([]string{"--check", chain}, rule()...)...) == nil
}

// Refused counts the packets that the fence has turned back.
func (f Fence) Refused(ctx context.Context) (packets int, err error) {
	res, err := f.Runner.Run(ctx, run.Cmd{Name: "iptables", Args: []string{"--wait", "--verbose", "--exact", "--numeric", "--list", chain}})
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(res.Stdout) {
		if strings.Contains(line, fenced) {
			_, err := fmt.Sscan(line, &packets)
			return packets, err
		}
	}
	return 0, fmt.Errorf("the fence around %s is down", fenced)
}

func (f Fence) iptables(ctx context.Context, args ...string) error {
	// --wait: Docker, kube-proxy and we share one lock.
	_, err := f.Runner.Run(ctx, run.Cmd{Name: "iptables", Args: append([]string{"--wait"}, args...)})
	return err
}
