package spec

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// metadata is as much of an action.yml as the rules below need.
type metadata struct {
	Name        string
	Description string
	Inputs      map[string]struct {
		Description string
		Required    bool
		Default     string
	}
	Outputs map[string]struct{ Description, Value string }
	Runs    struct {
		Using string
		Main  string
		Post  string
		Steps []struct {
			ID, Name, Shell, Run, Uses string
			Env                        map[string]string
		}
	}
	Branding struct{ Icon, Color string }
}

// TestActionYAML_KeepsTheRules reads what is on disk, by whomever it was
// written. The rules are those that GitHub does not check and act does not show:
// it sets INPUT_* for composites, as GitHub does not, so that a forgotten
// mapping passes there and fails in production.
func TestActionYAML_KeepsTheRules(t *testing.T) {
	paths, err := filepath.Glob("../../actions/*/action.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append(paths, "../../action.yml") {
		t.Run(filepath.Base(filepath.Dir(path)), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var m metadata
			if err := yaml.Unmarshal(text, &m); err != nil {
				t.Fatal(err)
			}
			checkMetadata(t, m)
			if m.Runs.Using == "composite" {
				checkComposite(t, m)
			}
			if path == "../../action.yml" && (m.Branding.Icon == "" || m.Branding.Color == "") {
				t.Error("the root action needs its branding for the Marketplace")
			}
		})
	}
}

func checkMetadata(t *testing.T, m metadata) {
	t.Helper()
	if m.Name == "" {
		t.Error("it has no name")
	}
	described := map[string]string{"the action": m.Description}
	for name, in := range m.Inputs {
		described["input "+name] = in.Description
		if in.Required && in.Default != "" {
			t.Errorf("input %s is required and has a default", name)
		}
	}
	for name, out := range m.Outputs {
		described["output "+name] = out.Description
	}
	for what, text := range described {
		if !strings.HasSuffix(text, ".") {
			t.Errorf("the description of %s does not end with a period: %q", what, text)
		}
	}
}

var (
	execBootstrap = regexp.MustCompile(`^exec "\$GITHUB_ACTION_PATH/(\.\./lib|actions/lib)/bootstrap\.sh" [a-z-]+$`)
	stepOutput    = regexp.MustCompile(`^\$\{\{ steps\.([a-z-]+)\.outputs\.([a-z-]+) \}\}$`)
)

func checkComposite(t *testing.T, m metadata) {
	t.Helper()
	if len(m.Runs.Steps) != 1 {
		t.Fatalf("%d steps, want one: everything else is hyaction's", len(m.Runs.Steps))
	}
	step := m.Runs.Steps[0]
	if step.Shell != "bash" {
		t.Errorf("the shell is %q, want bash", step.Shell)
	}
	if strings.Contains(step.Run, "${{") {
		t.Errorf("run has an expression, which is script injection: %s", step.Run)
	}
	if !execBootstrap.MatchString(step.Run) {
		t.Errorf("run is %q, want one exec of bootstrap.sh", step.Run)
	}
	for name := range m.Inputs {
		variable := Input{Name: name}.Env()
		if got, want := step.Env[variable], "${{ inputs."+name+" }}"; got != want {
			t.Errorf("%s is %q, want %q", variable, got, want)
		}
	}
	if len(step.Env) != len(m.Inputs) {
		t.Errorf("%d variables for %d inputs", len(step.Env), len(m.Inputs))
	}
	for name, out := range m.Outputs {
		match := stepOutput.FindStringSubmatch(out.Value)
		if match == nil || match[1] != step.ID || match[2] != name {
			t.Errorf("output %s is %q, want it from the step %q", name, out.Value, step.ID)
		}
	}
}
