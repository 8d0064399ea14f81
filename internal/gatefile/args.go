package gatefile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// Arguments of a template whose value is known only later stand in its fields by
// a name in braces: {{secret NAME KEY}} until it is read from the cluster, and
// {{metadata.labels['team']}} or {{pod-hash}} until the Rollout has been seen.

var (
	argument = regexp.MustCompile(`\{\{\s*args\.([^{}\s]+)\s*\}\}`)
	later    = regexp.MustCompile(`\{\{[^{}]*\}\}`)
	secret   = regexp.MustCompile(`\{\{secret (\S+) (\S+)\}\}`)
)

// args are the template's arguments: what is given, else its own value.
func (m manifest) args(given map[string]string) (map[string]string, error) {
	out := map[string]string{}
	for _, a := range m.Spec.Args {
		value, ok := given[a.Name]
		from := a.ValueFrom
		switch {
		case ok:
			out[a.Name] = value
		case a.Value != nil:
			out[a.Name] = *a.Value
		case from != nil && from.SecretKeyRef != nil:
			out[a.Name] = fmt.Sprintf("{{secret %s %s}}", from.SecretKeyRef.Name, from.SecretKeyRef.Key)
		case from != nil && from.FieldRef != nil:
			out[a.Name] = "{{" + from.FieldRef.FieldPath + "}}"
		default:
			return nil, fmt.Errorf("argument %q has no value: give it by args", a.Name)
		}
	}
	for name := range given {
		if _, ok := out[name]; !ok {
			return nil, fmt.Errorf("args gives %q, which is no argument of it", name)
		}
	}
	return out, nil
}

// own are the values that the arguments have by themselves; otherwise says what
// stands for one that only the user of the template gives.
func (m manifest) own(otherwise func(name string) string) map[string]string {
	out := map[string]string{}
	for _, a := range m.Spec.Args {
		if a.Value != nil {
			out[a.Name] = *a.Value
		} else {
			out[a.Name] = otherwise(a.Name)
		}
	}
	return out
}

// fill puts the arguments into a metric's JSON, escaped for the strings that they
// stand in.
func fill(raw []byte, args map[string]string) ([]byte, error) {
	var fault error
	out := argument.ReplaceAllFunc(raw, func(match []byte) []byte {
		name := string(argument.FindSubmatch(match)[1])
		value, ok := args[name]
		if !ok {
			fault = fmt.Errorf("{{args.%s}} is no argument of it", name)
		}
		var text bytes.Buffer
		encoder := json.NewEncoder(&text)
		encoder.SetEscapeHTML(false) // a < b is what it is
		_ = encoder.Encode(value)    // a string is always JSON
		return bytes.TrimSuffix(bytes.TrimPrefix(bytes.TrimSpace(text.Bytes()), []byte(`"`)), []byte(`"`))
	})
	return out, fault
}

// placed refuses values that come too late for the field they stand in: a Secret's
// belongs into headers and oauth2, where nobody sees it, the Rollout's into the query.
func (mm metricManifest) placed() error {
	p := mm.Provider.Prometheus
	if m := secret.FindString(p.Query); m != "" {
		return fmt.Errorf("its query holds %s, and queries are shown in the report: a Secret's value can stand in headers and oauth2", m)
	}
	hidden := []string{p.Authentication.OAuth2.TokenURL, p.Authentication.OAuth2.ClientID, p.Authentication.OAuth2.ClientSecret}
	for _, h := range p.Headers {
		hidden = append(hidden, h.Value)
	}
	for _, text := range hidden {
		if m := later.FindString(secret.ReplaceAllString(text, "")); m != "" {
			return fmt.Errorf("%s stands in a header or oauth2: what depends on the Rollout can stand in the query alone", m)
		}
	}
	rest := mm
	rest.Provider.Prometheus = &prometheusManifest{Address: p.Address, RangeQuery: p.RangeQuery}
	text, err := json.Marshal(rest)
	if err != nil {
		return err
	}
	if m := later.Find(text); m != nil {
		return fmt.Errorf("%s stands where the value must be known before the Rollout is seen: it can stand in the query, a Secret's in headers and oauth2", m)
	}
	return nil
}

// Resolve returns the headers and credentials with what stands in Secrets put in.
func (m Metric) Resolve(read func(name, key string) (string, error)) (map[string]string, *OAuth2, error) {
	var fault error
	put := func(text string) string {
		return secret.ReplaceAllStringFunc(text, func(found string) string {
			ref := secret.FindStringSubmatch(found)
			value, err := read(ref[1], ref[2])
			if err != nil && fault == nil {
				fault = err
			}
			return value
		})
	}
	headers := map[string]string{}
	for name, text := range m.Headers {
		headers[name] = strings.TrimSpace(put(text))
	}
	if m.OAuth2 == nil {
		return headers, nil, fault
	}
	o := *m.OAuth2
	o.TokenURL, o.ClientID, o.ClientSecret = put(o.TokenURL), put(o.ClientID), put(o.ClientSecret)
	return headers, &o, fault
}
