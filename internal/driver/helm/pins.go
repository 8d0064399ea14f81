package helm

import (
	"bytes"
	"fmt"

	"sigs.k8s.io/yaml"

	"github.com/buenhyden/hy-home/internal/apply"
	"github.com/buenhyden/hy-home/internal/lock"
)

// pins puts digests into the images of what a chart renders: what a chart calls
// its image is its own affair (registry, repository and tag in different values),
// but in the end each container has one. Helm shows it everything but hooks.
type pins struct{ lock lock.Lock }

// Run implements Helm's post-renderer.
func (p pins) Run(rendered *bytes.Buffer) (*bytes.Buffer, error) {
	objects, err := apply.Decode(bytes.NewReader(rendered.Bytes()), "rendered chart")
	if err != nil {
		return nil, err
	}
	changed := false
	var out bytes.Buffer
	for _, o := range objects {
		changed = p.lock.PinObject(o.Object) || changed
		text, err := yaml.Marshal(o.Object)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", o.GetKind(), o.GetName(), err)
		}
		fmt.Fprintf(&out, "---\n%s", text)
	}
	if !changed {
		return rendered, nil // as the chart wrote it, comments and all
	}
	return &out, nil
}
