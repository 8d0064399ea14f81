package catalog

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"text/template"
)

// templateSuffix marks a file that is rendered by text/template; without it a file
// is taken as it is, so that upstream's text stays upstream's.
const templateSuffix = ".tmpl"

// UserValues is the file beside a chart component's values.yaml that holds the
// user's own; it is never in the catalog itself.
const UserValues = "values.user.yaml"

// Fields are what a template of a component may use.
type Fields struct {
	Name      string            // of the platform
	Namespace string            // of the component
	Values    map[string]string // what the platform knows, by name; an unknown name is an error

	Namespaces []Namespace     // of all components of the platform
	Chosen     map[string]bool // all components of the platform: {{ if index .Chosen "kind" }}
}

// Chosen are the names of components, as templates ask for them.
func Chosen(cs []Component) map[string]bool {
	names := make(map[string]bool, len(cs))
	for _, c := range cs {
		names[c.Name] = true
	}
	return names
}

// Text is a file of the component, rendered if what is there is its template. One
// that is not there in either form is [fs.ErrNotExist].
func (c Component) Text(file string, f Fields) ([]byte, error) {
	text, err := fs.ReadFile(c.Files, file)
	if !errors.Is(err, fs.ErrNotExist) {
		return text, err
	}
	name := file + templateSuffix
	if text, err = fs.ReadFile(c.Files, name); err != nil {
		return nil, err
	}
	t, err := template.New(name).Option("missingkey=error").Parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("component %s: %w", c.Name, err)
	}
	f.Namespace = c.Namespace
	var b bytes.Buffer
	if err := t.Execute(&b, f); err != nil {
		return nil, fmt.Errorf("component %s: %w", c.Name, err)
	}
	return b.Bytes(), nil
}

// Glob lists the files of the component that match, without the suffix of those
// that are templates, sorted.
func (c Component) Glob(pattern string) ([]string, error) {
	plain, err := fs.Glob(c.Files, pattern)
	if err != nil {
		return nil, fmt.Errorf("component %s: %w", c.Name, err)
	}
	templates, err := fs.Glob(c.Files, pattern+templateSuffix)
	if err != nil {
		return nil, fmt.Errorf("component %s: %w", c.Name, err)
	}
	for _, name := range templates {
		plain = append(plain, name[:len(name)-len(templateSuffix)])
	}
	slices.Sort(plain)
	return slices.Compact(plain), nil
}
