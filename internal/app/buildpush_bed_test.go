package app

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/testbed/buildkit"
)

// The whole way from inputs to an image, with a secret given in each way that there is,
// and what a job shows of it afterwards.
func TestBuildPush_ShowsNoSecret(t *testing.T) {
	bed := buildkit.New(t)
	bed.Start(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("Zq8-file"), 0o600); err != nil {
		t.Fatal(err)
	}
	summary, report := filepath.Join(t.TempDir(), "job-summary"), filepath.Join(t.TempDir(), "report")
	got := hyaction(t, []string{
		"GITHUB_ACTIONS=true", "PATH=" + filepath.Dir(bed.Docker) + ":" + os.Getenv("PATH"), "DOCKER_CONFIG=" + bed.ConfigDir, "GITHUB_STEP_SUMMARY=" + summary,
		"INPUT_IMAGE=" + bed.Registry + "/test/app", fmt.Sprintf("INPUT_TAGS=%x", time.Now().UnixNano()), "INPUT_CONTEXT=" + dir,
		"INPUT_DOCKERFILE_INLINE=FROM " + bed.Registry + "/library/redis:7.0.15\n\n" +
			"RUN --mount=type=secret,id=one --mount=type=secret,id=two --mount=type=secret,id=three cd /run/secrets && cat one two three | sha256sum >/sum\n",
		"INPUT_SECRETS=\"one=Zq8-value\nZq8-more\"", "INPUT_SECRET_ENVS=two=ZQ8", "ZQ8=Zq8-variable", "INPUT_SECRET_FILES=three=" + file,
		"INPUT_USERNAME=me", "INPUT_PASSWORD=Zq8-password", "INPUT_PLATFORMS=linux/amd64,linux/386", "INPUT_PROVENANCE=mode=max", "INPUT_GITHUB_TOKEN=Zq8-token", "INPUT_REPORT_DIR=" + report,
		"INPUT_ALWAYS_BUILD=true", // what an earlier run left in the registry shows nothing of this one
	}, "build-push")
	if got.code != exit.OK || !strings.Contains(got.outputs, "@sha256:") {
		t.Fatalf("%+v", got)
	}
	shown, err := os.ReadFile(summary)
	if err != nil || !strings.Contains(string(shown), "/test/app") {
		t.Errorf("the summary is %q, %v", shown, err)
	}
	places := map[string]string{"outputs": got.outputs, "summary": string(shown), "argument lists": string(bed.Calls(t))}
	for _, name := range []string{"report.html", "report.json"} {
		text, err := os.ReadFile(filepath.Join(report, name))
		if err != nil || !strings.Contains(string(text), "build and push") {
			t.Errorf("%s: %q, %v", name, text, err)
		}
		places[name] = string(text)
	}
	var log []string
	for line := range strings.Lines(got.out + got.err) {
		if !strings.HasPrefix(line, "::add-mask::") { // to the runner alone, which does not show it
			log = append(log, line)
		}
	}
	places["log"] = strings.Join(log, "")
	for where, text := range places {
		if strings.Contains(text, "Zq8") {
			t.Errorf("a secret is in the %s: %s", where, text)
		}
	}
}
