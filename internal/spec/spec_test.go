package spec

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestAll_IsDeclaredWell checks what a reader of action.yml relies on, over
// every action, so that a newcomer is told what is missing.
func TestAll_IsDeclaredWell(t *testing.T) {
	kebab := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	sentences := func(t *testing.T, what, text string) {
		t.Helper()
		if !strings.HasSuffix(text, ".") || text != strings.TrimSpace(text) || strings.Contains(text, "\n") {
			t.Errorf("%s: the description %q is not one line of sentences that ends with a period", what, text)
		}
	}
	seen := map[string]bool{}
	for _, a := range All() {
		t.Run(a.Name, func(t *testing.T) {
			if !kebab.MatchString(a.Name) || seen[a.Name] {
				t.Errorf("name %q is not in kebab case, or is taken", a.Name)
			}
			seen[a.Name] = true
			sentences(t, a.Name, a.Description)
			if len(a.Description) > 125 {
				t.Errorf("the description has %d characters; the Marketplace shows 125", len(a.Description))
			}
			if a.Title == "" || a.Icon == "" {
				t.Error("title and icon are required")
			}
			names := map[string]bool{}
			for _, in := range a.Inputs {
				sentences(t, in.Name, in.Description)
				if !kebab.MatchString(in.Name) || names[in.Name] {
					t.Errorf("input %q is not in kebab case, or is declared twice", in.Name)
				}
				names[in.Name] = true
				if in.Required && (in.Default != "" || in.YAMLDefault != "") {
					t.Errorf("input %s is required and has a default: one of both", in.Name)
				}
				if want := in.fault(in.Default); want != "" {
					t.Errorf("the default of input %s is %q: it must be %s", in.Name, in.Default, want)
				}
				if in.Kind == Bool && in.Default == "" {
					t.Errorf("boolean input %s needs a default", in.Name)
				}
				if (in.Kind == Choice) != (len(in.Values) > 0) {
					t.Errorf("input %s: values are for choices, and a choice needs them", in.Name)
				}
			}
			names = map[string]bool{}
			for _, out := range a.Outputs {
				sentences(t, out.Name, out.Description)
				if !kebab.MatchString(out.Name) || names[out.Name] {
					t.Errorf("output %q is not in kebab case, or is declared twice", out.Name)
				}
				names[out.Name] = true
			}
			for _, p := range a.Permissions {
				sentences(t, p.Scope, p.Why)
				if !slices.Contains([]string{"read", "write"}, p.Access) {
					t.Errorf("permission %s: access %q is neither read nor write", p.Scope, p.Access)
				}
			}
		})
	}
}
