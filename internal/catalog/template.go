package catalog

import (
	"bytes"
	"cmp"
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
	Size      string            // of the component: "slim", "ha"
	Values    map[string]string // what the platform knows, by name; an unknown name is an error

	Namespaces []Namespace // of all components of the platform
	Components []string    // names of the platform's components, see [Fields.Has]
	Offers                 // what they expose
}

// Offers is what the components of a platform expose.
type Offers []Endpoint

// OffersOf is what components expose.
func OffersOf(cs []Component) Offers {
	var o Offers
	for _, c := range cs {
		o = append(o, c.Expose...)
	}
	return o
}

// Endpoint finds one by its name, so that no file has to say where a service is:
// its containers answer by other names than a service that others run.
func (o Offers) Endpoint(name string) (Endpoint, error) {
	i := slices.IndexFunc(o, func(e Endpoint) bool { return e.Name == name })
	if i < 0 {
		return Endpoint{}, fmt.Errorf("no component of the platform exposes the endpoint %q", name)
	}
	return o[i], nil
}

// FieldsOf is what templates may use in a platform of some components.
func FieldsOf(name string, values map[string]string, cs []Component) Fields {
	f := Fields{Name: name, Values: values, Namespaces: Namespaces(cs), Offers: OffersOf(cs)}
	for _, c := range cs {
		f.Components = append(f.Components, c.Name)
	}
	return f
}

// Has reports whether a component is part of the platform: for what a file says of
// others only where they are there.
func (f Fields) Has(component string) bool { return slices.Contains(f.Components, component) }

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
	f.Namespace, f.Size = c.Namespace, cmp.Or(c.Size, Slim)
	if text, err = render(name, text, f); err != nil {
		return nil, fmt.Errorf("component %s: %w", c.Name, err)
	}
	return text, nil
}

func render(name string, text []byte, fields any) ([]byte, error) {
	t, err := template.New(name).Option("missingkey=error").Parse(string(text))
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, fields)
	return b.Bytes(), err
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
