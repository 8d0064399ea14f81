package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/buenhyden/hy-home/internal/testkit"
	"github.com/buenhyden/hy-home/testbed/internal/host"
	"github.com/buenhyden/hy-home/testbed/internal/node"
)

// workflow runs the release loop as GitHub does, through the composite actions,
// on the platform that the demo left. act sets ACT, which leaves out the steps
// that fetch Go and start the test bed: both are here.
func (p *platform) workflow(t *testing.T) {
	args := []string{
		"-W", filepath.Join(".github", "workflows", "release-loop.yml"),
		"--env", "HYACTION_BIN=" + filepath.Join(p.out, "bin", "hyaction"),
		"--env", "NODE_IMAGE=" + node.Name,
		"--env", "REGISTRY_MIRROR=" + host.Mirror,
		"--env", "LOCK_FILE=" + p.lock(t),
	}
	// The platform is found by its state, and the state by the home directory.
	for _, name := range []string{"HOME", "XDG_STATE_HOME", "DOCKER_HOST"} {
		if value, ok := os.LookupEnv(name); ok {
			args = append(args, "--env", name+"="+value)
		}
	}
	testkit.Act(t, p.root, append(args, p.withoutSetupGo(t)...)...)
}

// withoutSetupGo gives act an empty action in place of actions/setup-go: the step
// is left out, but act would clone the action before it finds that out.
func (p *platform) withoutSetupGo(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(p.root, ".github", "workflows", "release-loop.yml"))
	if err != nil {
		t.Fatal(err)
	}
	uses := regexp.MustCompile(`uses: (actions/setup-go@[0-9a-f]{40})`).FindSubmatch(text)
	if uses == nil {
		t.Fatal("the workflow does not use actions/setup-go by commit")
	}
	dir := t.TempDir()
	empty := "name: empty\ndescription: Nothing.\nruns: {using: composite, steps: []}\n"
	if err := os.WriteFile(filepath.Join(dir, "action.yml"), []byte(empty), 0o644); err != nil {
		t.Fatal(err)
	}
	return []string{"--local-repository", string(uses[1]) + "=" + dir}
}
