package actions

import (
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/buenhyden/hy-home/internal/testkit"
)

// workflow is as much of a workflow as the rules below need.
type workflow struct {
	Permissions map[string]string
	Jobs        map[string]struct {
		Permissions map[string]string
		Timeout     int `yaml:"timeout-minutes"`
		Steps       []struct {
			Uses, Run string
			With      map[string]any
		}
	}
}

// pinned is a use of another's action: a commit, and which version that is.
var pinned = regexp.MustCompile(`^\s*(- )?uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)

// TestWorkflows_AreHardened keeps what the documents of GitHub advise and no
// runner enforces.
func TestWorkflows_AreHardened(t *testing.T) {
	paths, err := filepath.Glob("../.github/workflows/*.yml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no workflows: %v", err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(string(text)) {
				line = strings.TrimRight(line, "\n")
				if strings.Contains(line, "uses: ") && !strings.Contains(line, "uses: ./") && !pinned.MatchString(line) {
					t.Errorf("not pinned by commit with its version as comment: %s", strings.TrimSpace(line))
				}
			}
			var w workflow
			if err := yaml.Unmarshal(text, &w); err != nil {
				t.Fatal(err)
			}
			if w.Permissions == nil || len(w.Permissions) > 0 {
				t.Error("the workflow must grant nothing by itself: permissions: {}")
			}
			for name, job := range w.Jobs {
				if job.Permissions == nil {
					t.Errorf("job %s does not say what it may do", name)
				}
				if job.Timeout == 0 {
					t.Errorf("job %s has no timeout-minutes; the default is six hours", name)
				}
				for _, step := range job.Steps {
					if strings.Contains(step.Run, "${{") {
						t.Errorf("job %s: an expression in run is script injection: %s", name, step.Run)
					}
					if strings.HasPrefix(step.Uses, "actions/checkout@") && step.With["persist-credentials"] != false {
						t.Errorf("job %s: checkout leaves its token in .git/config without persist-credentials: false", name)
					}
				}
			}
		})
	}
}

// TestWorkflows_PassActionlint also checks, through the workflow that uses them,
// the inputs of our own actions.
func TestWorkflows_PassActionlint(t *testing.T) {
	cmd := exec.Command(testkit.Tool(t, "actionlint"), "-no-color", "-shellcheck=", "-pyflakes=")
	cmd.Dir = testkit.Root(t)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestDependabot_SeesEveryModule keeps a module from growing old unseen.
func TestDependabot_SeesEveryModule(t *testing.T) {
	text, err := os.ReadFile("../.github/dependabot.yml")
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Updates []struct {
			Ecosystem   string `yaml:"package-ecosystem"`
			Directories []string
		}
	}
	if err := yaml.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("git", "ls-files", "--", "go.mod", "*/go.mod")
	cmd.Dir = testkit.Root(t)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, module := range strings.Fields(string(out)) {
		seen := false
		for _, u := range config.Updates {
			seen = seen || u.Ecosystem == "gomod" && slices.ContainsFunc(u.Directories, func(pattern string) bool {
				ok, err := path.Match(pattern, path.Join("/", path.Dir(module)))
				return ok && err == nil
			})
		}
		if !seen {
			t.Errorf("dependabot.yml names no directory of %s", module)
		}
	}
}
