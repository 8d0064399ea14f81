package app

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/forge/forgetest"
)

// TestCanaryGate_Announces has a cluster that does not answer, so the verdict is
// inconclusive within a moment; what is looked at is where it is shown.
func TestCanaryGate_Announces(t *testing.T) {
	const commit = "0123456789abcdef0123456789abcdef01234567"
	config := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(config, []byte("apiVersion: v1\nkind: Config\nclusters: [{name: c, cluster: {server: \"http://127.0.0.1:1\"}}]\ncontexts: [{name: c, context: {cluster: c}}]\ncurrent-context: c\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	denied := func(_ *forgetest.Request, after bool) (int, http.Header, string) {
		if after {
			return 0, nil, ""
		}
		return http.StatusForbidden, nil, `{"message": "Resource not accessible by integration"}`
	}
	for _, c := range []struct {
		name     string
		args     []string
		fault    func(*forgetest.Request, bool) (int, http.Header, string)
		code     int
		shown    string
		requests int
		warning  string
	}{
		{"all three", []string{"--image", "a/b:1"}, nil, exit.Inconclusive, "[check action_required] [deployment error] [status error]", 8, ""},
		{"bad input is not shown", nil, nil, exit.BadInput, "", 0, ""},
		{"what cannot be shown turns no verdict around", []string{"--image", "a/b:1"}, denied, exit.Inconclusive, "", 6, "(the token needs the permission deployments: write in acme/infra)"},
		{"unless it is required", []string{"--image", "a/b:1", "--report-required"}, denied, exit.Failed, "", 3, ""},
	} {
		github := forgetest.New(t, nil)
		github.Fault = c.fault
		r := hyaction(t, []string{
			"GITHUB_ACTIONS=true", "GITHUB_SERVER_URL=https://github.example", "GITHUB_REPOSITORY=acme/infra", "GITHUB_RUN_ID=7",
			"INPUT_REPORT_TOKEN=" + forgetest.Token, "INPUT_REPORT_TO=status\ncheck\ndeployment",
		}, append([]string{
			"canary-gate", "--rollout", "apps/backend", "--kubeconfig", config, "--api-url", github.URL,
			"--report-repository", forgetest.Repository, "--report-commit", commit, "--report-environment", "production",
		}, c.args...)...)
		if r.code != c.code || len(github.Requests) != c.requests {
			t.Errorf("%s: exit code %d after %d requests, want %d and %d\n%s", c.name, r.code, len(github.Requests), c.code, c.requests, r.out)
		}
		var shown []string
		for _, kind := range []string{"check", "deployment", "status"} {
			for _, s := range github.Shown {
				if s.Kind != kind {
					continue
				}
				shown = append(shown, fmt.Sprintf("[%s %s]", s.Kind, s.State))
				if s.URL != "https://github.example/acme/infra/actions/runs/7" || !strings.HasPrefix(s.Title, "CANNOT TELL: backend (apps) at docker.io/a/b:1: ") {
					t.Errorf("%s: %+v", c.name, s)
				}
			}
		}
		if got := strings.Join(shown, " "); got != c.shown {
			t.Errorf("%s: %s, want %s", c.name, got, c.shown)
		}
		if strings.Count(r.out, "::warning") != min(1, len(c.warning)) || !strings.Contains(r.out, c.warning) {
			t.Errorf("%s: %s", c.name, r.out)
		}
		for line := range strings.Lines(r.out) { // the runner hides it by this command
			if strings.Contains(line, forgetest.Token) && !strings.HasPrefix(line, "::add-mask::") {
				t.Errorf("%s: the token is printed: %s", c.name, line)
			}
		}
	}
}
