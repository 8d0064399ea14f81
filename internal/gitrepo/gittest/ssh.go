package gittest

import (
	"context"
	"os/exec"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/testkit"
)

// SSH starts an SSH server that runs git's own programs and nothing else. It has git use the
// key that is let in, and gives the URL of a bare repository there.
func SSH(t testing.TB, bare string) (url string) {
	t.Helper()
	address, flags := testkit.SSH(t, func(ctx context.Context, command string) *exec.Cmd {
		return exec.CommandContext(ctx, "git", "shell", "-c", command) // only what serves a repository
	})
	t.Setenv("GIT_SSH_COMMAND", "ssh "+strings.Join(flags, " "))
	Git(t, bare, "config", "uploadpack.allowFilter", "true")
	Git(t, bare, "config", "uploadpack.allowAnySHA1InWant", "true")
	return "ssh://git@" + address + bare
}
