// Package lab is the running test bed as tests see it.
package lab

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/buenhyden/hy-home/internal/docker"
	"github.com/buenhyden/hy-home/internal/testkit"
	"github.com/buenhyden/hy-home/testbed/internal/host"
	"github.com/buenhyden/hy-home/testbed/internal/node"
)

const needs = "needs the test bed (go run ./testbed up engine): %v"

// Lab says where the pieces of a bed of level engine are.
type Lab struct {
	Registry  string // to push to from this machine: "localhost:5001"
	Mirror    string // URL of the same registry for the nodes of a cluster
	Network   string // Docker network of the nodes and of the registry
	NodeImage string // for a kind cluster
	Platform  string // name of the platform and cluster of level kind
}

// Require returns the lab. Without one the test is skipped, or fails where the bed
// must be up.
func Require(t testing.TB) Lab {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	engine := &docker.Engine{Getenv: os.Getenv}
	defer engine.Close()
	if _, err := engine.Client(ctx); err != nil {
		testkit.Missing(t, needs, err)
	}
	if !host.RegistryAnswers(ctx) {
		testkit.Missing(t, needs, "no registry answers on "+host.RegistryAddr)
	}
	return Lab{
		Registry:  host.RegistryHost,
		Mirror:    host.Mirror,
		Network:   host.Network,
		NodeImage: node.Name,
		Platform:  "hy-home",
	}
}
