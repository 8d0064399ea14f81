// Package decode reads files that people write, strictly, and says what is wrong
// with them in words of the file: the line, the field, what belongs there. What
// libraries say of it names the types of this program, over several lines.
package decode

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/buenhyden/hy-home/internal/pattern"
)

// ErrEmpty is what [YAML] answers for a text without a document.
var ErrEmpty = errors.New("it is empty")

// YAML reads exactly one document into a struct (tags: yaml). A field that the
// struct lacks, a second document and none ([ErrEmpty]) are errors, so that nothing
// that is written is silently ignored.
func YAML(text []byte, into any) error {
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(into); err != nil {
		if errors.Is(err, io.EOF) {
			return ErrEmpty
		}
		return Plain(err)
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return errors.New("it holds more than one document")
	}
	return nil
}

// Plain says what a decoder of YAML or JSON said in one line and without the names
// of types; the error that it said it with is kept below.
func Plain(err error) error {
	if said := words(err.Error()); said != err.Error() {
		return &plain{said, err}
	}
	return err
}

type plain struct {
	said string
	err  error
}

func (p *plain) Error() string { return p.said }
func (p *plain) Unwrap() error { return p.err }

var (
	preamble = pattern.New(`(^|: )(?:(?:yaml: unmarshal errors|unmarshal errors|yaml|json|error converting YAML to JSON|error unmarshaling JSON|while decoding JSON|couldn't get version/kind; json parse error|error loading config file "[^"]*"|MalformedYAMLError):\s*)+`)
	unknown  = pattern.New(`field (\S+) not found in type .*`)
	misfit   = pattern.New("cannot unmarshal !!(\\w+)( `[^`]*`)? into (.*)")
	member   = pattern.New(`cannot unmarshal (\w+)(?: \S+)? into Go struct field \w*\.(?:[A-Z]\w*\.)*(\S+) of type .*`)
	value    = pattern.New(`cannot unmarshal (\w+)(?: \S+)? into Go value of type .*`)
	whole    = pattern.New(`^u?int\d*$`)
)

func words(said string) string {
	said = preamble.ReplaceAllString(said, "$1")
	var lines []string
	for line := range strings.Lines(said) {
		line = strings.TrimSpace(line)
		line = unknown.ReplaceAllString(line, `unknown field "$1"`)
		line = replace(misfit, line, func(m []string) string {
			what := strings.TrimSpace(m[2])
			if what == "" {
				what = kind(m[1])
			}
			return what + wanted(m[3])
		})
		line = replace(member, line, func(m []string) string { return m[2] + " must not be " + kind(m[1]) })
		line = replace(value, line, func(m []string) string { return kind(m[1]) + " does not belong here" })
		if line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "; ")
}

func replace(form *pattern.Regexp, line string, by func(match []string) string) string {
	return form.ReplaceAllStringFunc(line, func(s string) string { return by(form.FindStringSubmatch(s)) })
}

// kind is what a tag of YAML or a word of encoding/json calls a value.
func kind(name string) string {
	switch name {
	case "seq", "array":
		return "a list"
	case "map", "object":
		return "a mapping"
	case "str", "string":
		return "text"
	case "int", "float", "number":
		return "a number"
	case "bool":
		return "true or false"
	case "null":
		return "nothing"
	}
	return "a " + name
}

// wanted says what belongs in place of a value, where the type tells.
func wanted(goType string) string {
	switch {
	case whole.MatchString(goType):
		return " must be a whole number"
	case strings.HasPrefix(goType, "float"):
		return " must be a number"
	case goType == "bool":
		return " must be true or false"
	case goType == "string":
		return " must be text"
	case strings.HasPrefix(goType, "[]"):
		return " must be a list"
	case strings.HasPrefix(goType, "map["), strings.HasPrefix(goType, "struct"):
		return " must be a mapping"
	}
	return " does not belong here"
}
