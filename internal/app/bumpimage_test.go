package app

import (
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/forge/forgetest"
	"github.com/buenhyden/hy-home/internal/gitrepo/gittest"
)

var infra = map[string]forgetest.File{
	"overlays/dev/kustomization.yaml": {Mode: 0o100644, Text: "resources: [app.yaml]\nimages:\n- name: reg.example/app\n  newTag: v1\n"},
	"overlays/dev/app.yaml":           {Mode: 0o100644, Text: "apiVersion: v1\nkind: Pod\nmetadata: {name: app}\nspec: {containers: [{name: app, image: reg.example/app}]}\n"},
}

// A token that is handed over shows in no argument list and no variable of any process, no
// log, summary, output, error or file that is left: by the API and by Git, whatever comes of it.
func TestBumpImage_ShowsNoToken(t *testing.T) {
	hub, server := forgetest.New(t, infra), gittest.Serve(t, gittest.Bare(t, infra))
	watched := watchGit(t)
	temp := t.TempDir()
	for _, repository := range []string{forgetest.Repository, server.URL, "https://x:" + forgetest.Token + "@nobody.invalid/infra"} {
		for _, image := range []string{"reg.example/app:v2", "reg.example/nothing:v2"} {
			dir := t.TempDir()
			r := hyaction(t, append(os.Environ(),
				"GITHUB_ACTIONS=true", "RUNNER_DEBUG=1", "TMPDIR="+temp,
				"GITHUB_OUTPUT="+filepath.Join(dir, "output"), "GITHUB_STEP_SUMMARY="+filepath.Join(dir, "summary"),
				"INPUT_REPOSITORY="+repository, "INPUT_PATHS=overlays/dev", "INPUT_IMAGES="+image, "INPUT_API_URL="+hub.URL,
				"INPUT_TOKEN="+forgetest.Token, "INPUT_SOURCE_TOKEN="+forgetest.Token,
			), "bump-image")
			if good := strings.HasSuffix(image, "app:v2") && !strings.Contains(repository, "@"); good != (r.code == 0) {
				t.Errorf("%s, %s: exit code %d\n%s%s", repository, image, r.code, r.out, r.err)
			}
			left := r.out + r.err
			for _, file := range []string{"output", "summary"} {
				text, _ := os.ReadFile(filepath.Join(dir, file)) // not there after bad input
				left += string(text)
			}
			// The runner is told what to hide in one line of its own.
			noToken(t, "what is printed or left", strings.ReplaceAll(left, "::add-mask::"+forgetest.Token+"\n", ""))
		}
	}
	processes, err := os.ReadFile(watched)
	if err != nil || !strings.Contains(string(processes), "push") {
		t.Fatalf("no git was seen: %v", err)
	}
	noToken(t, "git's arguments and environment", string(processes))
	for _, r := range hub.Requests {
		noToken(t, "a request", r.Path+r.Body)
	}
	noToken(t, "the repository", gittest.Git(t, server.Dir, "log", "-p", "main"))
	if rest, err := filepath.Glob(filepath.Join(temp, "hyaction-*")); err != nil || len(rest) > 0 {
		t.Errorf("left behind: %q, %v", rest, err)
	}
}

// watchGit puts a program before git in PATH that writes down what it is started with. One
// variable, for git alone, carries the authorization: it is left out.
func watchGit(t *testing.T) (log string) {
	t.Helper()
	git, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	log = filepath.Join(dir, "log")
	script := "#!/bin/sh\n{ echo \"$@\"; env | grep -v '^HYACTION_GIT_AUTHORIZATION='; } >>" + log + "\nexec " + git + " \"$@\"\n"
	if err := os.WriteFile(filepath.Join(dir, "git"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	return log
}

func noToken(t *testing.T, where, text string) {
	t.Helper()
	for _, secret := range []string{forgetest.Token, base64.StdEncoding.EncodeToString([]byte("x-access-token:" + forgetest.Token))} {
		if i := strings.Index(text, secret); i >= 0 {
			t.Errorf("the token shows in %s: ...%s", where, text[max(0, i-80):i])
		}
	}
}
