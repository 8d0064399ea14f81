package host_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/buenhyden/hy-home/internal/run"
	"github.com/buenhyden/hy-home/testbed/internal/host"
	"github.com/buenhyden/hy-home/testbed/internal/services"
	"github.com/buenhyden/hy-home/testbed/lab"
)

// Addresses for documentation (RFC 5737), which no machine has: only a fence can
// be what answers for the one, and only a container of ours for the other.
const (
	outside = "198.51.100.1"
	pod     = "203.0.113.1"
)

func docker(t *testing.T, args ...string) (string, error) {
	t.Helper()
	res, err := run.Exec{}.Run(t.Context(), run.Cmd{Name: "docker", Args: args})
	return strings.TrimSpace(res.Stdout), err
}

// inNetwork runs a shell script in a container on the lab's network.
func inNetwork(t *testing.T, l lab.Lab, script string, args ...string) (string, error) {
	t.Helper()
	return docker(t, append([]string{
		"run", "--rm", "--cap-add", "NET_ADMIN", "--network", l.Network, services.Redis, "timeout", "60", "sh", "-euc", script, "sh",
	}, args...)...)
}

// Not wget's own -T: with it, Debian's busybox 1.35 ends in a segmentation fault.
const get = `wget -q -O - -- "$1"`

func TestFence_NoPacketLeaves(t *testing.T) {
	l := lab.Require(t)
	fence := host.Fence{Runner: run.Exec{}}
	before, err := fence.Refused(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if out, err := inNetwork(t, l, get, "http://"+outside+"/"); err == nil {
		t.Errorf("%s answered: %s", outside, out)
	}
	after, err := fence.Refused(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if after <= before {
		t.Errorf("the fence refused %d packets before and %d after, want more: they went another way", before, after)
	}
}

func TestFence_LetsThroughWhatStays(t *testing.T) {
	l := lab.Require(t)
	if out, err := inNetwork(t, l, get, l.Mirror+"/v2/"); out != "{}" || err != nil {
		t.Errorf("the registry answers %q, %v, want {}", out, err)
	}

	// As one node sends a packet to a pod on another: to an address that is not of
	// this network, through a neighbour that has it.
	id, err := docker(t, "run", "--detach", "--cap-add", "NET_ADMIN", "--network", l.Network, services.Redis,
		"sh", "-euc", "ip addr add "+pod+"/32 dev lo; mkdir /tmp/www; echo hello >/tmp/www/index.html; exec httpd -f -p 80 -h /tmp/www")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
		defer cancel()
		if _, err := (run.Exec{}).Run(ctx, run.Cmd{Name: "docker", Args: []string{"rm", "--force", "--", id}}); err != nil {
			t.Error(err)
		}
	})
	neighbour, err := docker(t, "inspect", "--format", "{{(index .NetworkSettings.Networks \""+l.Network+"\").IPAddress}}", id)
	if err != nil {
		t.Fatal(err)
	}
	out, err := inNetwork(t, l, `ip route add "$2" via "$3"; until wget -q -O - -- "$1"; do sleep 0.1; done`, "http://"+pod+"/", pod, neighbour)
	if out != "hello" || err != nil {
		t.Errorf("the neighbour answers %q, %v, want hello", out, err)
	}
}
