package main

import (
	"bytes"
	"cmp"
	"fmt"

	"gopkg.in/yaml.v3"

	"github.com/buenhyden/hy-home/internal/spec"
)

const header = "# Written by `go generate ./internal/spec`; edit internal/spec/ in its place.\n"

// stepID is the one step of every action; outputs are taken from it.
const stepID = "hyaction"

// actionYAML renders a composite action of one step. The step becomes
// bootstrap.sh, which becomes hyaction: on a cancelled job the runner signals
// the step's own process and no other, so no shell may stay in between.
func actionYAML(a spec.Action, bootstrap string) ([]byte, error) {
	inputs, env := mapping(), mapping()
	for _, in := range a.Inputs {
		entry := mapping("description", text(describe(in)))
		if in.Required {
			add(entry, "required", boolean(true))
		}
		if value := cmp.Or(in.YAMLDefault, in.Default); value != "" {
			add(entry, "default", text(value))
		}
		add(inputs, in.Name, entry)
		add(env, in.Env(), text("${{ inputs."+in.Name+" }}"))
	}
	outputs := mapping()
	for _, out := range a.Outputs {
		add(outputs, out.Name, mapping(
			"description", text(out.Description),
			"value", text(fmt.Sprintf("${{ steps.%s.outputs.%s }}", stepID, out.Name)),
		))
	}
	step := mapping("id", text(stepID), "shell", text("bash"))
	if len(env.Content) > 0 {
		add(step, "env", env)
	}
	add(step, "run", text(fmt.Sprintf(`exec "$GITHUB_ACTION_PATH%s" %s`, bootstrap, a.Name)))

	doc := mapping("name", text(a.Title), "description", text(a.Description))
	if len(inputs.Content) > 0 {
		add(doc, "inputs", inputs)
	}
	if len(outputs.Content) > 0 {
		add(doc, "outputs", outputs)
	}
	add(doc, "runs", mapping("using", text("composite"), "steps", sequence(step)))
	add(doc, "branding", mapping("icon", text(a.Icon), "color", text("blue")))

	var b bytes.Buffer
	b.WriteString(header)
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(doc); err != nil {
		return nil, fmt.Errorf("%s: %w", a.Name, err)
	}
	return b.Bytes(), enc.Close()
}

// describe adds what the kind allows to an input's description.
func describe(in spec.Input) string {
	switch in.Kind {
	case spec.Bool:
		return in.Description + " true or false."
	case spec.Choice:
		return in.Description + " One of: " + join(in.Values) + "."
	default:
		return in.Description
	}
}

// mapping, sequence, text and boolean build YAML nodes: a Go map would lose the
// order of the declaration.
func mapping(pairs ...any) *yaml.Node {
	m := &yaml.Node{Kind: yaml.MappingNode}
	for i := 0; i < len(pairs); i += 2 {
		add(m, pairs[i].(string), pairs[i+1].(*yaml.Node))
	}
	return m
}

func add(m *yaml.Node, key string, value *yaml.Node) {
	m.Content = append(m.Content, text(key), value)
}

func sequence(items ...*yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.SequenceNode, Content: items}
}

func text(s string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
}

func boolean(b bool) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: fmt.Sprint(b)}
}
