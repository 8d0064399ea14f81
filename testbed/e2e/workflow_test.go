package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/buenhyden/hy-home/internal/testkit"
)

// workflow runs the release loop as GitHub does, through the composite actions,
// on the platform that the demo left. act sets ACT, which leaves out the steps
// that fetch Go and start the test bed: both are here.
func (p *platform) workflow(t *testing.T) {
	args := []string{
		"-W", filepath.Join(".github", "workflows", "release-loop.yml"),
		"--env", "HYACTION_BIN=" + filepath.Join(p.out, "bin", "hyaction"),
	}
	// The platform is found by its state, and the state by the home directory.
	for _, name := range []string{"HOME", "XDG_STATE_HOME", "DOCKER_HOST"} {
		if value, ok := os.LookupEnv(name); ok {
			args = append(args, "--env", name+"="+value)
		}
	}
	testkit.Act(t, p.root, args...)
}
