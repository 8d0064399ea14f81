// Package lab is the running test bed as tests see it.
package lab

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/buenhyden/hy-home/internal/docker"
	"github.com/buenhyden/hy-home/testbed/internal/host"
	"github.com/buenhyden/hy-home/testbed/internal/node"
)

// Required is the value of the environment variable HY_TESTBED with which a test
// that finds no test bed fails instead of being skipped: where the bed must be
// up, a skipped test is a test that nobody missed.
const Required = "required"

// Lab says where the pieces of a bed of level engine are.
type Lab struct {
	Registry  string // to push to from this machine: "localhost:5001"
	Mirror    string // URL of the same registry for the nodes of a cluster
	Network   string // Docker network of the nodes and of the registry
	NodeImage string // for a kind cluster
	Platform  string // name of the platform and cluster of level kind
}

// Require returns the lab. Without one the test is skipped, or fails if
// HY_TESTBED is "required".
func Require(t testing.TB) Lab {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	engine := &docker.Engine{Host: os.Getenv("DOCKER_HOST")}
	defer engine.Close()
	if _, err := engine.Client(ctx); err != nil {
		Missing(t, err.Error())
	}
	if !host.RegistryAnswers(ctx) {
		Missing(t, "no registry answers on "+host.RegistryAddr)
	}
	return Lab{
		Registry:  host.RegistryHost,
		Mirror:    host.Mirror,
		Network:   host.Network,
		NodeImage: node.Name,
		Platform:  "hy-home",
	}
}

// Missing skips a test for want of what it says, or fails it where the bed must be up.
func Missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("HY_TESTBED") == Required {
		t.Fatalf("the test bed is not up: %s", what)
	}
	t.Skipf("needs the test bed (go run ./testbed up engine): %s", what)
}
