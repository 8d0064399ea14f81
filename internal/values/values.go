// Package values merges the values of Helm charts, and tells which of them a chart
// does not read: Helm itself takes a misspelt value and says nothing.
package values

import (
	"fmt"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/buenhyden/hy-home/internal/decode"
)

// Parse reads values by way of JSON, as Helm does, so that a date stays the text
// that it is. Anything but one mapping is an error; a text without any is none.
func Parse(text []byte) (map[string]any, error) {
	var values map[string]any
	if err := yaml.UnmarshalStrict(text, &values); err != nil {
		if strings.Contains(err.Error(), "cannot unmarshal") {
			return nil, fmt.Errorf("it must be a mapping of values: %w", decode.Plain(err))
		}
		return nil, decode.Plain(err)
	}
	return values, nil
}

// Merge puts one tree of values over another: mappings are merged, all else is
// replaced. A null stays, as it takes a default of the chart away.
func Merge(under, over map[string]any) map[string]any {
	out := map[string]any{}
	for key, value := range under {
		out[key] = value
	}
	for key, value := range over {
		below, isMap := out[key].(map[string]any)
		above, both := value.(map[string]any)
		if isMap && both {
			out[key] = Merge(below, above)
			continue
		}
		out[key] = value
	}
	return out
}
