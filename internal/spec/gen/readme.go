package main

import (
	"bytes"
	"cmp"
	"fmt"
	"strings"

	"github.com/buenhyden/hy-home/internal/spec"
)

// The markers between which the generator owns the text.
const (
	referenceBegin = "<!-- reference: written by go generate ./internal/spec -->"
	referenceEnd   = "<!-- /reference -->"
	actionsBegin   = "<!-- actions -->"
	actionsEnd     = "<!-- /actions -->"
)

// newREADME is where the README of a new action starts.
func newREADME(a spec.Action) []byte {
	return fmt.Appendf(nil, "# %s\n\n%s\n\n%s\n%s\n", a.Name, a.Description, referenceBegin, referenceEnd)
}

// replaceBetween puts text between the two markers, which must both be there, once.
func replaceBetween(doc []byte, begin, end, text string) ([]byte, error) {
	head, rest, ok := bytes.Cut(doc, []byte(begin))
	if !ok {
		return nil, fmt.Errorf("the marker %q is missing", begin)
	}
	_, tail, ok := bytes.Cut(rest, []byte(end))
	if !ok || bytes.Contains(tail, []byte(begin)) {
		return nil, fmt.Errorf("the marker %q must follow %q, once", end, begin)
	}
	return fmt.Appendf(nil, "%s%s\n%s\n%s%s", head, begin, strings.Trim(text, "\n"), end, tail), nil
}

// reference is the generated part of an action's README.
func reference(a spec.Action) string {
	var b strings.Builder
	b.WriteString("## Inputs\n\n| input | | default | |\n|---|---|---|---|\n")
	for _, in := range a.Inputs {
		fallback := code(cmp.Or(in.YAMLDefault, in.Default))
		if in.Required {
			fallback = "required"
		}
		kind := in.Kind.String()
		if in.Secret {
			kind = "secret"
		}
		description := in.Description
		if in.Kind == spec.Choice {
			description = describe(in)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", in.Name, kind, fallback, cell(description))
	}
	b.WriteString("\nA boolean is `true` or `false`, a duration has Go's form (`90s`, `10m`), a list has one item per line. An empty value counts as not given.\n")
	b.WriteString("\n## Outputs\n\n| output | |\n|---|---|\n")
	for _, out := range a.Outputs {
		fmt.Fprintf(&b, "| `%s` | %s |\n", out.Name, cell(out.Description))
	}
	b.WriteString("\n## Permissions\n\n")
	if len(a.Permissions) == 0 {
		b.WriteString("None: `permissions: {}` is enough.\n")
	} else {
		b.WriteString("| permission | |\n|---|---|\n")
		for _, p := range a.Permissions {
			fmt.Fprintf(&b, "| `%s: %s` | %s |\n", p.Scope, p.Access, cell(p.Why))
		}
	}
	fmt.Fprintf(&b, "\n## On a terminal\n\n```sh\nhyaction %s --help\n```\n\n", a.Name)
	b.WriteString("Exit codes: 0 done, 1 failed, 2 bad input and nothing changed, 3 the gate says no, 4 inconclusive or out of time, 130 cancelled.\n")
	return b.String()
}

// actionsTable is the table of actions in the README of the repository.
func actionsTable(actions []spec.Action) string {
	var b strings.Builder
	b.WriteString("| action | |\n|---|---|\n")
	for _, a := range actions {
		if a.Root {
			continue
		}
		fmt.Fprintf(&b, "| [`%s`](actions/%s/README.md) | %s |\n", a.Name, a.Name, cell(a.Description))
	}
	for _, a := range actions {
		if a.Root {
			fmt.Fprintf(&b, "\nThe root of the repository is an action too: %s\n", lowerFirst(a.Description))
		}
	}
	return b.String()
}

// cell makes text fit into one cell of a Markdown table.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;", "*", `\*`).Replace(s)
}

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + strings.ReplaceAll(s, "|", `\|`) + "`"
}

func join(values []string) string { return strings.Join(values, ", ") }

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }
