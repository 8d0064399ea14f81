// Package actions tests the actions as workflows use them, through act: the
// runner's own program cannot be had without its service.
package actions

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sethvargo/go-githubactions"

	"github.com/buenhyden/hy-home/internal/gha"
	"github.com/buenhyden/hy-home/internal/testkit"
)

// TestMain lets the test's own program stand in for hyaction: bootstrap.sh runs
// what HYACTION_BIN names, and hands the name of the action over.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "canary-gate" {
		answer(os.Getenv("INPUT_ROLLOUT"))
		return
	}
	os.Exit(m.Run())
}

// forgery is what somebody may write into a commit message, so that the gate's
// output verdict becomes passed.
const forgery = "fix: typo\n_GitHubActionsFileCommandDelimeter_\nverdict<<X\npassed\nX\nz<<_GitHubActionsFileCommandDelimeter_"

// answer is a gate that says no and quotes foreign text as its reason.
func answer(rollout string) {
	write := func(key, value string) { githubactions.New().SetOutput(key, value) }
	if rollout == "apps/ours" {
		runner := gha.New(os.Stdout, os.Stderr, os.Getenv)
		write = func(key, value string) {
			if err := runner.Output(key, value); err != nil {
				panic(err)
			}
		}
	}
	write("verdict", "failed")
	write("reason", forgery)
}

// TestOutputs_CannotBeForged runs the real canary-gate/action.yml twice, and
// looks at what the steps that follow are told.
func TestOutputs_CannotBeForged(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	told := filepath.Join(t.TempDir(), "told")
	repo := checkout(t, "actions", "action.yml")
	write(t, filepath.Join(repo, ".github/workflows/test.yml"), fmt.Sprintf(`
on: push
jobs:
  gate:
    runs-on: ubuntu-latest
    env: {HYACTION_BIN: %q}
    steps:
      - uses: actions/checkout@v4
      - {id: ours, uses: ./actions/canary-gate, with: {rollout: apps/ours}}
      - {id: library, uses: ./actions/canary-gate, with: {rollout: apps/library}}
      - env:
          OURS: ${{ steps.ours.outputs.verdict }}
          REASON: ${{ steps.ours.outputs.reason }}
          LIBRARY: ${{ steps.library.outputs.verdict }}
        run: printf '%%s\n' "$OURS" "$LIBRARY" "$REASON" > %q
`, self, told))

	testkit.Act(t, repo)
	got, err := os.ReadFile(told)
	if err != nil {
		t.Fatal(err)
	}
	ours, rest, _ := strings.Cut(string(got), "\n")
	library, reason, _ := strings.Cut(rest, "\n")
	if ours != "failed" || reason != forgery+"\n" {
		t.Errorf("the verdict is %q and the reason %q, want failed and the foreign text as it was", ours, reason)
	}
	if library != "passed" {
		t.Errorf("written by the library the verdict is %q: the forgery this test defends against no longer works", library)
	}
}

// TestSetup_ReachesTheStepsThatFollow runs the action at the root, as another
// repository would use it: by name and tag.
func TestSetup_ReachesTheStepsThatFollow(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "hyaction")
	write(t, bin, "#!/bin/sh\nprintf 'version<<E\\nv1.2.3\\nE\\n' >> \"$GITHUB_OUTPUT\"\ndirname \"$0\" >> \"$GITHUB_PATH\"\n")
	if err := os.Chmod(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	told := filepath.Join(t.TempDir(), "told")
	ours := checkout(t, "actions", "action.yml")
	theirs := checkout(t)
	write(t, filepath.Join(theirs, ".github/workflows/test.yml"), fmt.Sprintf(`
on: push
jobs:
  setup:
    runs-on: ubuntu-latest
    env: {HYACTION_BIN: %q}
    steps:
      - {id: setup, uses: buenhyden/hy-home@v1}
      - env: {VERSION: "${{ steps.setup.outputs.version }}"}
        run: echo "$VERSION $(command -v hyaction)" > %q
`, bin, told))
	testkit.Act(t, theirs, "--local-repository", "buenhyden/hy-home@v1="+ours)
	got, err := os.ReadFile(told)
	if want := "v1.2.3 " + bin + "\n"; err != nil || string(got) != want {
		t.Errorf("the next step sees %q, %v; want %q", got, err, want)
	}
}

// TestPost_RunsAtTheEndOfTheJob sees the teardown after a step that failed.
func TestPost_RunsAtTheEndOfTheJob(t *testing.T) {
	if _, err := exec.LookPath("node"); err != nil {
		testkit.Missing(t, "needs node: %v", err)
	}
	told := filepath.Join(t.TempDir(), "told")
	bin := filepath.Join(t.TempDir(), "hyaction")
	write(t, bin, fmt.Sprintf("#!/bin/sh\necho \"hyaction $*\" >> %q\n", told))
	if err := os.Chmod(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	repo := checkout(t, "actions")
	write(t, filepath.Join(repo, ".github/workflows/test.yml"), fmt.Sprintf(`
on: push
jobs:
  post:
    runs-on: ubuntu-latest
    env: {HYACTION_BIN: %q}
    steps:
      - uses: actions/checkout@v4
      - {uses: ./actions/post, with: {name: shop}}
      - run: echo "the job's own step" >> %q
      - {run: exit 1, continue-on-error: true}
`, bin, told))
	testkit.Act(t, repo)
	got, err := os.ReadFile(told)
	if want := "the job's own step\nhyaction platform down --name=shop\n"; err != nil || string(got) != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}

// checkout makes a Git repository that holds copies of some files of this one.
func checkout(t *testing.T, paths ...string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "README.md"), "A repository for a test.\n")
	for _, path := range paths {
		info, err := os.Stat(filepath.Join("..", path))
		if err != nil {
			t.Fatal(err)
		}
		if !info.IsDir() {
			text, err := os.ReadFile(filepath.Join("..", path))
			if err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(dir, path), string(text))
		} else if err := os.CopyFS(filepath.Join(dir, path), os.DirFS(filepath.Join("..", path))); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{
		{"init", "-q", "-b", "main"},
		{"remote", "add", "origin", "https://github.com/acme/shop"},
		{"add", "."},
		{"-c", "user.name=test", "-c", "user.email=test@example.com", "commit", "-q", "-m", "start"},
	} {
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v\n%s", args[0], err, out)
		}
	}
	return dir
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
