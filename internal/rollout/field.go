package rollout

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// keyed is the one form of a path with a key in it: metadata.labels['team'].
var keyed = regexp.MustCompile(`^metadata\.(labels|annotations)\['([^']+)'\]$`)

// Field reads a field of the Rollout by its path, as a fieldRef of Argo Rollouts
// does: metadata.labels['team'], metadata.name, spec.replicas,
// spec.template.spec.containers[0].image.
func (s State) Field(path string) (string, error) {
	if m := keyed.FindStringSubmatch(path); m != nil {
		return text(object(object(s.object, "metadata"), m[1]), m[2]), nil
	}
	var at any = s.object
	for _, part := range strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' }) {
		switch in := at.(type) {
		case map[string]any:
			at = in[part]
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(in) {
				return "", fmt.Errorf("the Rollout has no field %s", path)
			}
			at = in[i]
		default:
			return "", fmt.Errorf("the Rollout has no field %s", path)
		}
	}
	switch at.(type) {
	case nil:
		return "", fmt.Errorf("the Rollout has no field %s", path)
	case map[string]any, []any:
		return "", fmt.Errorf("field %s of the Rollout has parts: name one of them", path)
	}
	return fmt.Sprint(at), nil
}
