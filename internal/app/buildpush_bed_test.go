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
	summary := filepath.Join(dir, "job-summary")
	got := hyaction(t, []string{
		"GITHUB_ACTIONS=true", "PATH=" + filepath.Dir(bed.Docker) + ":" + os.Getenv("PATH"), "DOCKER_CONFIG=" + bed.ConfigDir, "GITHUB_STEP_SUMMARY=" + summary,
		"INPUT_IMAGE=" + bed.Registry + "/test/app", fmt.Sprintf("INPUT_TAGS=%x", time.Now().UnixNano()), "INPUT_CONTEXT=" + dir,
		"INPUT_DOCKERFILE_INLINE=FROM " + bed.Registry + "/library/redis:7.0.15\n\n" +
			"RUN --mount=type=secret,id=one --mount=type=secret,id=two --mount=type=secret,id=three cd /run/secrets && cat one two three | sha256sum >/sum\n",
		"INPUT_SECRETS=\"one=Zq8-value\nZq8-more\"", "INPUT_SECRET_ENVS=two=ZQ8", "ZQ8=Zq8-variable", "INPUT_SECRET_FILES=three=" + file,
		"INPUT_USERNAME=me", "INPUT_PASSWORD=Zq8-password", "INPUT_PLATFORMS=linux/amd64,linux/386", "INPUT_PROVENANCE=mode=max", "INPUT_GITHUB_TOKEN=Zq8-token",
	}, "build-push")
	if got.code != exit.OK || !strings.Contains(got.outputs, "@sha256:") {
		t.Fatalf("%+v", got)
	}
	shown, err := os.ReadFile(summary)
	if err != nil || !strings.Contains(string(shown), "/test/app") {
		t.Errorf("the summary is %q, %v", shown, err)
	}
	var log []string
	for line := range strings.Lines(got.out + got.err) {
		if !strings.HasPrefix(line, "::add-mask::") { // to the runner alone, which does not show it
			log = append(log, line)
		}
	}
	for where, text := range map[string]string{"log": strings.Join(log, ""), "outputs": got.outputs, "summary": string(shown), "argument lists": string(bed.Calls(t))} {
		if strings.Contains(text, "Zq8") {
			t.Errorf("a secret is in the %s: %s", where, text)
		}
	}
}
