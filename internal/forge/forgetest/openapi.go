package forgetest

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

//go:embed openapi.json
var openapiText []byte

// operation is one of the REST API, as GitHub publishes it.
type operation struct {
	Parameters []struct {
		Name, In string
		Schema   struct{ Type any }
	}
	Required bool
	Body     json.RawMessage

	path   *regexp.Regexp
	names  []string // of the path's parameters
	fields []string // of the body, if it is an object and nothing else
	schema *jsonschema.Schema
}

var operations = sync.OnceValue(func() map[string]*operation {
	var doc struct{ Operations map[string]*operation }
	if err := json.Unmarshal(openapiText, &doc); err != nil {
		panic(err) // the generator wrote it
	}
	parameter := regexp.MustCompile(`\{(\w+)\}`)
	for name, op := range doc.Operations {
		_, path, _ := strings.Cut(name, " ")
		op.path = regexp.MustCompile("^" + parameter.ReplaceAllStringFunc(path, func(p string) string {
			op.names = append(op.names, strings.Trim(p, "{}"))
			if p == "{ref}" || p == "{basehead}" { // "heads/main"
				return "(.+)"
			}
			return "([^/]+)"
		}) + "$")
		if op.Body != nil {
			op.compile(name)
		}
	}
	return doc.Operations
})

func (op *operation) compile(name string) {
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(op.Body))
	if err != nil {
		panic(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft4) // which OpenAPI 3.0 is made from
	if err := c.AddResource("github:"+name, schema); err != nil {
		panic(err)
	}
	op.schema = c.MustCompile("github:" + name)
	if o := schema.(map[string]any); o["oneOf"] == nil && o["anyOf"] == nil {
		for field := range o["properties"].(map[string]any) {
			op.fields = append(op.fields, field)
		}
	}
}

// conforms holds a request of the REST API against its description: the operation is
// there, and so are its parameters; the body is what the schema says and nothing else.
func conforms(method, path string, r *http.Request, body []byte) error {
	for name, op := range operations() {
		m := op.path.FindStringSubmatch(path)
		if m == nil || !strings.HasPrefix(name, method+" ") {
			continue
		}
		for i, value := range m[1:] {
			if err := op.parameter(op.names[i], "path", value); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		for key, values := range r.URL.Query() {
			if err := op.parameter(key, "query", values[0]); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		if err := op.body(body); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	}
	return fmt.Errorf("no operation %s %s is published, or the generator does not keep it", method, path)
}

func (op *operation) parameter(name, in, value string) error {
	for _, p := range op.Parameters {
		if p.Name != name || p.In != in {
			continue
		}
		if _, err := strconv.Atoi(value); p.Schema.Type == "integer" && err != nil {
			return fmt.Errorf("the parameter %s is %q, not a number", name, value)
		}
		return nil
	}
	return fmt.Errorf("no parameter %s in the %s", name, in)
}

func (op *operation) body(text []byte) error {
	switch {
	case len(text) == 0 && op.Required:
		return fmt.Errorf("no body")
	case len(text) == 0:
		return nil
	case op.schema == nil:
		return fmt.Errorf("a body where none is read: %s", text)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	if err := op.schema.Validate(v); err != nil {
		return err
	}
	if o, ok := v.(map[string]any); ok && op.fields != nil {
		for field := range o {
			if !slices.Contains(op.fields, field) {
				return fmt.Errorf("the body has the field %s, which is not known", field)
			}
		}
	}
	return nil
}
