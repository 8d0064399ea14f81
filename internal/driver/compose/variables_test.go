package compose

import (
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
		if bad != "" && err == nil {
			t.Errorf("%q is refused for %q, and Compose takes it", text, bad)
		}
		if bad != "" || err != nil {
			return // refused by both, or in Compose's own words
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
