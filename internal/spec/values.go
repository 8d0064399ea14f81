package spec

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/buenhyden/hy-home/internal/exit"
)

// Lookup finds what a caller gave for an input: the text, and how to call it in
// a sentence ("input image", "flag --image"). No text means: not given.
type Lookup func(Input) (text, source string)

// Values are the inputs of one call, checked against their declarations.
//
// The accessors take the declared name and panic when it is not declared or has
// another kind: that is a mistake in this program, not in what the caller gave.
type Values struct {
	action Action
	text   map[string]string // every declared name; defaults filled in
}

// Parse reads and checks all inputs of an action. The first fault is returned
// as bad input: one sentence that names the input, its value (unless secret) and
// what would be right. Empty text counts as not given, since GitHub cannot tell
// the two apart.
func Parse(a Action, lookup Lookup) (Values, error) {
	v := Values{action: a, text: make(map[string]string, len(a.Inputs))}
	for _, in := range a.Inputs {
		text, source := lookup(in)
		text = strings.TrimSpace(text)
		if text == "" {
			if in.Required {
				return Values{}, exit.BadInputf("input %s is required: %s", in.Name, in.Description)
			}
			text = in.Default
		}
		if want := in.fault(text); want != "" {
			if in.Secret {
				return Values{}, exit.BadInputf("%s is not valid: it must be %s", source, want)
			}
			return Values{}, exit.BadInputf("%s is %q: it must be %s", source, text, want)
		}
		v.text[in.Name] = text
	}
	return v, nil
}

// fault says what text would be right, or "" when it is.
func (in Input) fault(text string) string {
	if text == "" {
		return ""
	}
	switch in.Kind {
	case Bool:
		if _, err := parseBool(text); err != nil {
			return "true or false"
		}
	case Int:
		least := 0
		if in.Positive {
			least = 1
		}
		if n, err := strconv.Atoi(text); err != nil || n < least {
			return fmt.Sprintf("a whole number, %d or more", least)
		}
	case Duration:
		d, err := time.ParseDuration(text)
		if err != nil || d < 0 {
			return `a duration such as "90s" or "10m"`
		}
		if d == 0 && in.Positive {
			return `a duration of more than zero, such as "90s" or "10m"`
		}
	case Choice:
		if !slices.Contains(in.Values, text) {
			return orList(in.Values)
		}
	case String:
		if strings.ContainsAny(text, "\r\n") && !in.Secret {
			return "one line"
		}
	case List, Text:
	}
	if strings.ContainsRune(text, 0) {
		return "text without NUL bytes"
	}
	return ""
}

// parseBool takes what YAML 1.2's core schema and the toolkit's getBooleanInput take.
func parseBool(s string) (bool, error) {
	switch s {
	case "true", "True", "TRUE":
		return true, nil
	case "false", "False", "FALSE":
		return false, nil
	}
	return false, strconv.ErrSyntax
}

// orList writes "a, b or c".
func orList(items []string) string {
	if len(items) < 2 {
		return strings.Join(items, "")
	}
	last := len(items) - 1
	return strings.Join(items[:last], ", ") + " or " + items[last]
}

// String returns a String, Choice or Text input; "" when nothing was given.
func (v Values) String(name string) string { return v.get(name, String, Choice, Text) }

// Bool returns a Bool input; false when nothing was given.
func (v Values) Bool(name string) bool {
	b, _ := parseBool(v.get(name, Bool))
	return b
}

// Int returns an Int input; 0 when nothing was given.
func (v Values) Int(name string) int {
	n, _ := strconv.Atoi(v.get(name, Int))
	return n
}

// Duration returns a Duration input; 0 when nothing was given.
func (v Values) Duration(name string) time.Duration {
	d, _ := time.ParseDuration(v.get(name, Duration))
	return d
}

// List returns the items of a List input, each without surrounding white space;
// nil when nothing was given.
func (v Values) List(name string) []string {
	var items []string
	for line := range strings.Lines(v.get(name, List)) {
		if line = strings.TrimSpace(line); line != "" {
			items = append(items, line)
		}
	}
	return items
}

func (v Values) get(name string, kinds ...Kind) string {
	in, ok := v.action.Input(name)
	if !ok {
		panic(fmt.Sprintf("spec: action %s declares no input %q", v.action.Name, name))
	}
	if !slices.Contains(kinds, in.Kind) {
		panic(fmt.Sprintf("spec: input %q of action %s is a %s, read as a %s", name, v.action.Name, in.Kind, kinds[0]))
	}
	return v.text[name]
}
