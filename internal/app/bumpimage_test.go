package app

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/action/bumpimage"
	"github.com/buenhyden/hy-home/internal/forge/forgetest"
	"github.com/buenhyden/hy-home/internal/gitrepo/gittest"
	"github.com/buenhyden/hy-home/internal/spec"
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

// kustomize starts git itself for a base that lies elsewhere, with what this process has.
func TestBumpImage_ShowsNoTokenToARemoteBase(t *testing.T) {
	base := gittest.Bare(t, infra)
	dir := filepath.Join(t.TempDir(), "overlay")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte("resources: [\"file://"+base+"//overlays/dev?ref=main\"]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	watched := watchGit(t)
	for name, value := range map[string]string{
		"INPUT_REPOSITORY": filepath.Dir(dir), "INPUT_PATHS": "overlay", "INPUT_IMAGES": "reg.example/app:v2", "INPUT_MODE": "none",
		"INPUT_ALLOW_REMOTE": "true", "INPUT_TOKEN": forgetest.Token, "INPUT_SOURCE_TOKEN": forgetest.Token,
	} {
		t.Setenv(name, value)
	}
	if r := hyaction(t, os.Environ(), "bump-image"); r.code != 0 {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.err)
	}
	processes, err := os.ReadFile(watched)
	if err != nil || !strings.Contains(string(processes), "fetch") {
		t.Fatalf("no git was seen: %v", err)
	}
	noToken(t, "git's arguments and environment", string(processes))
}

// Every output that the action declares is there, as it is meant, in a job and as JSON; the
// summary shows both diffs; and whoever proposes with the job's own token is told what that
// means, but not the owner of another one.
func TestBumpImage_TellsWhatItDid(t *testing.T) {
	hub := forgetest.New(t, infra)
	start := hub.Refs["main"]
	summary := filepath.Join(t.TempDir(), "summary")
	run := func(tag, sourceToken string, more ...string) result {
		t.Helper()
		r := hyaction(t, []string{
			"GITHUB_ACTIONS=true", "GITHUB_STEP_SUMMARY=" + summary, "INPUT_REPOSITORY=" + forgetest.Repository, "INPUT_API_URL=" + hub.URL, "INPUT_MODE=pull-request",
			"INPUT_PATHS=overlays/dev", "INPUT_IMAGES=reg.example/app:" + tag, "INPUT_TOKEN=" + forgetest.Token, "INPUT_SOURCE_TOKEN=" + sourceToken,
		}, append([]string{"bump-image"}, more...)...)
		if r.code != 0 {
			t.Fatalf("exit code %d\n%s%s", r.code, r.out, r.err)
		}
		return r
	}
	dry := run("v2", "ghs_another", "--dry-run")
	// The diff is foreign text: no line of it is a command to the runner.
	before, shown, _ := strings.Cut(dry.out, "\n-  newTag: v1\n")
	if i := strings.LastIndex(before, "::stop-commands::"); i < 0 || !strings.Contains(shown, "::"+strings.Fields(before[i+len("::stop-commands::"):])[0]+"::") {
		t.Errorf("the diff may command the runner:\n%s", dry.out)
	}
	if !strings.Contains(dry.out, "\n-  newTag: v1\n+  newTag: v2\n") || len(hub.Pulls) != 0 || hub.Refs["main"] != start || outputsOf(dry)["changed"] != "true" {
		t.Errorf("dry run:\n%s", dry.out)
	}
	created := run("v2", forgetest.Token)
	pull := hub.Pulls[0]
	got := outputsOf(created)
	want := map[string]string{
		"changed": "true", "operation": "created", "commit": hub.Refs[pull.Head], "commit-sha": hub.Refs[pull.Head], "branch": pull.Head,
		"pr-number": "1", "pr-url": "https://github.com/" + forgetest.Repository + "/pull/1", "old": "reg.example/app:v1", "new": "reg.example/app:v2",
		"files": "overlays/dev/kustomization.yaml", "verified": "true", "attempts": "1",
	}
	for _, out := range spec.BumpImage.Outputs {
		value, there := got[out.Name]
		switch diff := map[string]string{"diff": "\n+  - image: reg.example/app:v2\n", "file-diff": "\n+  newTag: v2\n"}[out.Name]; {
		case !there:
			t.Errorf("no output %s", out.Name)
		case diff != "" && !strings.Contains(value, diff), diff == "" && value != want[out.Name]:
			t.Errorf("%s is %q", out.Name, value)
		}
	}
	const warning = "starts no workflows for it"
	if text, err := os.ReadFile(summary); err != nil || !strings.Contains(string(text), "\n+  newTag: v2\n") || !strings.Contains(string(text), "\n+  - image: reg.example/app:v2\n") || !strings.Contains(string(text), ": <"+want["pr-url"]+">\n") {
		t.Errorf("summary: %v\n%s", err, text)
	}
	if !strings.Contains(created.out, warning) {
		t.Errorf("no warning:\n%s", created.out)
	}
	updated, unchanged, other := run("v3", forgetest.Token), run("v3", forgetest.Token), run("v4", "ghs_another")
	if !strings.Contains(updated.out, warning) || strings.Contains(unchanged.out+other.out, warning) {
		t.Errorf("warnings:\n%s---\n%s---\n%s", updated.out, unchanged.out, other.out)
	}
	if o := outputsOf(unchanged); o["changed"] != "false" || o["operation"] != "none" || o["files"] != "" || o["diff"] != "" || o["pr-number"] != "1" {
		t.Errorf("unchanged: %q", o)
	}
	if len(hub.Pulls) != 1 || outputsOf(other)["operation"] != "updated" {
		t.Errorf("%d pull requests, %q", len(hub.Pulls), outputsOf(other))
	}
	r := hyaction(t, []string{"INPUT_TOKEN=" + forgetest.Token}, "bump-image", "--repository", forgetest.Repository, "--api-url", hub.URL, "--path", "overlays/dev", "--image", "reg.example/app:v5", "--output", "json")
	var as map[string]string
	if err := json.Unmarshal([]byte(r.out), &as); err != nil || len(as) != len(spec.BumpImage.Outputs) || as["operation"] != "pushed" || as["commit-sha"] != hub.Refs["main"] {
		t.Errorf("%v: %s%s", err, r.out, r.err)
	}
}

// Paths and branches are others' words: in the summary they are text.
func TestBumpSummary_ShowsForeignTextAsText(t *testing.T) {
	got := bumpSummary("main sets <img src=x>", []string{"a`b", "[c](http://d)"}, bumpimage.Result{})
	for _, markup := range []string{"<img", "`b", "](http"} {
		if strings.Contains(got, markup) {
			t.Errorf("%q is markup in:\n%s", markup, got)
		}
	}
	res := bumpimage.Result{Number: 7, Merged: true, URL: "https://github.com/acme/infra/pull/7", Branch: "main", New: []string{"app:v2"}}
	if got := bumpSentence(res, bumpimage.Options{}); got != "pull request 7 is merged: main runs app:v2: https://github.com/acme/infra/pull/7" {
		t.Error(got)
	}
}

// outputsOf reads what a step left in GITHUB_OUTPUT: name<<delimiter, lines, delimiter.
func outputsOf(r result) map[string]string {
	found := map[string]string{}
	lines := strings.Split(r.outputs, "\n")
	for i := 0; i < len(lines); i++ {
		name, delimiter, ok := strings.Cut(lines[i], "<<")
		if !ok {
			continue
		}
		var value []string
		for i++; i < len(lines) && lines[i] != delimiter; i++ {
			value = append(value, lines[i])
		}
		found[name] = strings.Join(value, "\n")
	}
	return found
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
