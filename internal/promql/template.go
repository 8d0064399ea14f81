package promql

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Template is a query with fields that are filled in later: {{pod-hash}} is the
// hash of the judged revision, {{stable-hash}} that of the stable one, {{namespace}}
// and {{rollout}} are the names of its Rollout. Where two revisions are compared,
// {{hash}} is the hash of either and {{pods}} a regular expression for its pods.
// The path of a field of the Rollout, such as {{metadata.labels['team']}}, is
// that field.
type Template struct{ text string }

// Fields are the values for a [Template], by the name of the field.
type Fields map[string]string

var (
	field      = regexp.MustCompile(`\{\{\s*([^{}]*?)\s*\}\}`)
	fieldNames = []string{"pod-hash", "stable-hash", "hash", "pods", "namespace", "rollout"}
	// What Kubernetes allows in names and label values; nothing of it can end a PromQL string.
	// The regular expression for pods ends with .+, which cannot either.
	fieldValue = regexp.MustCompile(`^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?(-\.\+)?$`)
	// A field of the Rollout may be an image or a path. It cannot end a string either.
	fieldPath = regexp.MustCompile(`^(metadata|spec|status)[.[]`)
	pathValue = regexp.MustCompile(`^[^"'` + "`" + `\\{}\x00-\x1f]+$`)
)

// ParseTemplate checks that a query holds no unknown field.
func ParseTemplate(query string) (Template, error) {
	if strings.TrimSpace(query) == "" {
		return Template{}, fmt.Errorf("it is empty")
	}
	for _, m := range field.FindAllStringSubmatch(query, -1) {
		if !slices.Contains(fieldNames, m[1]) && !fieldPath.MatchString(m[1]) {
			return Template{}, fmt.Errorf("{{%s}} is unknown, the fields are {{%s}}", m[1], strings.Join(fieldNames, "}}, {{"))
		}
	}
	return Template{query}, nil
}

// Render fills the fields in. A value that is needed and missing, or that is
// more than a plain name, is an error: it must not change the query's meaning.
func (t Template) Render(values Fields) (string, error) {
	var fault error
	out := field.ReplaceAllStringFunc(t.text, func(m string) string {
		name := field.FindStringSubmatch(m)[1]
		value := values[name]
		if !fieldValue.MatchString(value) && (!fieldPath.MatchString(name) || !pathValue.MatchString(value)) && fault == nil {
			fault = fmt.Errorf("the query's field {{%s}} has the value %q, which is not a plain name", name, value)
		}
		return value
	})
	return out, fault
}

// Paths are the fields of the Rollout that the query needs.
func (t Template) Paths() []string {
	var out []string
	for _, m := range field.FindAllStringSubmatch(t.text, -1) {
		if fieldPath.MatchString(m[1]) {
			out = append(out, m[1])
		}
	}
	return out
}
