package e2e

import (
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/buenhyden/hy-home/testbed/internal/host"
	"github.com/buenhyden/hy-home/testbed/internal/node"
)

// kills is how often the set-up is killed; HY_KILLS asks for another number, as
// make kills does.
const kills = 3

// killsPerPlatform runs are killed before one may come to its end: the second
// starts from what the first one left.
const killsPerPlatform = 3

// wholeRun is about how long a set-up takes here: it is killed at any moment of it.
const wholeRun = 40 * time.Second

// killed kills the set-up at random points, as a runner that is taken away does,
// and finds that the next run makes the platform whole. With n kills there is one
// in each n-th of a run, so that no phase is left out.
func (p *platform) killed(t *testing.T) {
	n := kills
	if text := os.Getenv("HY_KILLS"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	p.hyaction(t, "platform", "down")
	for i, slice := range random.Perm(n) {
		after := (time.Duration(slice)*wholeRun + time.Duration(random.Int64N(int64(wholeRun)))) / time.Duration(n)
		last := p.killedAfter(t, after)
		t.Logf("kill %d after %.1f s: %s", i+1, after.Seconds(), last)
		if (i+1)%killsPerPlatform != 0 && i+1 < n {
			continue
		}
		p.hyaction(t, p.setup(t)...)
		p.hyaction(t, "platform", "status")
		p.hyaction(t, "platform", "down")
		p.nothingLeft(t)
	}
}

func (p *platform) setup(t *testing.T) []string {
	t.Helper()
	args := []string{"setup-platform", "--profile", "testbed"}
	if os.Getenv("TESTBED") == "upstream" {
		return args // nothing was built: images and their digests are upstream's
	}
	return append(args, "--node-image", node.Name, "--registry-mirror", host.Mirror, "--lock-file", p.lock(t))
}

// killedAfter starts a set-up, ends it with SIGKILL and returns its last line.
func (p *platform) killedAfter(t *testing.T, d time.Duration) string {
	t.Helper()
	var out strings.Builder
	c := exec.CommandContext(t.Context(), filepath.Join(p.out, "bin", "hyaction"), p.setup(t)...)
	c.Dir, c.Stdout, c.Stderr = p.root, &out, &out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(d)
	_ = c.Process.Kill() // it may have come to its end
	var ended *exec.ExitError
	if err := c.Wait(); err != nil && (!errors.As(err, &ended) || ended.ExitCode() != -1) {
		t.Errorf("before it was killed it failed: %v\n%s", err, out.String())
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	return lines[len(lines)-1]
}
