package compose

import (
	"errors"
	"maps"
	"testing"

	"github.com/compose-spec/compose-go/v2/template"

	"github.com/buenhyden/hy-home/internal/composefile"
)

// What the linter takes for a variable is what Compose asks for.
func FuzzVariables_AsComposeSeesThem(f *testing.F) {
	for _, s := range []string{"$A ${B}", "$$A", "${A:-${B}}", "$(x)", "${A:?b}", "5$", "${A:-}", "${A b}", "$A$$B$C", "${A:-{\"x\":1}}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		asked := map[string]bool{}
		_, err := template.Substitute(text, func(name string) (string, bool) {
			asked[name] = true
			return "", false
		})
		uses, bad := composefile.Variables(text)
		var invalid *template.InvalidTemplateError
		var required *template.MissingRequiredError
		if errors.As(err, &required) || errors.As(err, &invalid) != (bad != "") {
			if errors.As(err, &invalid) {
				t.Skip("a text that Compose refuses need not be found: its own sentence is told")
			}
			if bad != "" {
				t.Errorf("%q is refused for %q, and Compose takes it (%v)", text, bad, err)
			}
			return
		}
		if err != nil || bad != "" {
			return
		}
		found := map[string]bool{}
		for _, v := range uses {
			found[v.Name] = true
		}
		for name := range asked {
			if !found[name] {
				t.Errorf("%q: Compose asks for %q, found %v", text, name, maps.Keys(found))
			}
		}
	})
}
