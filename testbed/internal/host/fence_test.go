package host_test

import (
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/run"
	"github.com/buenhyden/hy-home/testbed/internal/host"
	"github.com/buenhyden/hy-home/testbed/internal/services"
	"github.com/buenhyden/hy-home/testbed/lab"
)

// outside is an address for documentation (RFC 5737): no machine has it, so that
// only a fence can be what answers.
const outside = "198.51.100.1"

func TestFence_NoPacketLeaves(t *testing.T) {
	l := lab.Require(t)
	fence := host.Fence{Runner: run.Exec{}}
	before, err := fence.Refused(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	get := func(url string) (run.Result, error) {
		// Not wget's own -T: with it, Debian's busybox 1.35 ends in a segmentation fault.
		return run.Exec{}.Run(t.Context(), run.Cmd{Name: "docker", Args: []string{
			"run", "--rm", "--network", l.Network, services.Redis, "timeout", "10", "wget", "-O", "-", "--", url,
		}})
	}
	if res, err := get("http://" + outside + "/"); err == nil {
		t.Errorf("%s answered: %s", outside, res.Stdout)
	}
	after, err := fence.Refused(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if after <= before {
		t.Errorf("the fence refused %d packets before and %d after, want more: they went another way", before, after)
	}
	// What stays within is not touched.
	if res, err := get(l.Mirror + "/v2/"); err != nil {
		t.Errorf("the registry is not reached from the network: %v", err)
	} else if strings.TrimSpace(res.Stdout) != "{}" {
		t.Errorf("the registry answers %q, want {}", res.Stdout)
	}
}
