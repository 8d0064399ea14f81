package kustomize

import (
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/buenhyden/hy-home/internal/exit"
)

// field finds a field of a mapping, in any case as kustomize reads them.
func field(m *yaml.Node, name string) (key, val *yaml.Node, err error) {
	for i := 0; i+1 < len(m.Content); i += 2 {
		if !strings.EqualFold(m.Content[i].Value, name) {
			continue
		}
		if key != nil {
			return nil, nil, refuse(m.Content[i], "the field %s stands there twice (also in line %d); remove one", name, key.Line)
		}
		key, val = m.Content[i], m.Content[i+1]
	}
	return key, val, nil
}

func lookup(m *yaml.Node, key string) (k, v *yaml.Node) {
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == key {
			return m.Content[i], m.Content[i+1]
		}
	}
	return nil, nil
}

// value is a scalar's text; an alias counts as what it stands for.
func value(n *yaml.Node) string {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Tag == "!!null" {
		return ""
	}
	return n.Value
}

func isEmpty(n *yaml.Node) bool {
	return n.Tag == "!!null" || n.Kind == yaml.SequenceNode && len(n.Content) == 0
}

func kindName(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "mapping"
	case yaml.SequenceNode:
		return "list"
	case yaml.AliasNode:
		return "alias"
	}
	return "single value"
}

// refuse makes the sentence for a file that is left alone.
func refuse(n *yaml.Node, format string, args ...any) error {
	return exit.BadInputf("line %d: %s", n.Line, fmt.Sprintf(format, args...))
}
