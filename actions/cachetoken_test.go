package actions

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/testkit"
)

// TestCacheToken_HandsOverWhatTheRunnerGives runs the action as the runner does, with
// its variables.
func TestCacheToken_HandsOverWhatTheRunnerGives(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		testkit.Missing(t, "needs node: %v", err)
	}
	for _, c := range []struct {
		name, token, url string
		want             string // "" is a refusal
	}{
		{"as on GitHub", "ey.Jh", "https://results.example/", "token=ey.Jh\nurl=https://results.example/\n"},
		{"no cache", "", "", ""},
		{"forged", "a\nurl=x", "https://results.example/", ""},
	} {
		out := filepath.Join(t.TempDir(), "output")
		cmd := exec.Command(node, "cache-token/index.js")
		cmd.Env = []string{"GITHUB_OUTPUT=" + out, "ACTIONS_RUNTIME_TOKEN=" + c.token, "ACTIONS_RESULTS_URL=" + c.url}
		said, err := cmd.CombinedOutput()
		if (err == nil) != (c.want != "") {
			t.Errorf("%s: %v: %s", c.name, err, said)
		}
		got, _ := os.ReadFile(out) // none is no output
		if string(got) != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		if c.want != "" && !strings.Contains(string(said), "::add-mask::"+c.token) {
			t.Errorf("%s: the token is not masked: %s", c.name, said)
		}
	}
}
