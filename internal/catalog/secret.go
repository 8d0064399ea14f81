package catalog

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/buenhyden/hy-home/internal/pattern"
)

// KubernetesSecret is a Secret that a component of the cluster tier finds when
// its chart or manifests are applied: for what a chart calls "existing secret".
//
// Its values are texts in which ${name} stands for a generated credential that
// the component's secrets list. ${name:url} is it percent-encoded, for a DSN
// whose password others chose; ${name:fernet} is a key made from it in the form
// that Airflow wants (32 bytes, URL-safe base64). $${ is a plain ${.
type KubernetesSecret struct {
	Name        string            `yaml:"name"`
	Namespace   string            `yaml:"namespace"` // "" means the component's
	Type        string            `yaml:"type"`      // "" means Opaque
	Labels      map[string]string `yaml:"labels"`    // Argo CD, for one, finds its Secrets by them
	Annotations map[string]string `yaml:"annotations"`
	Data        map[string]string `yaml:"data"`
}

// In is the namespace that the Secret is in.
func (s KubernetesSecret) In(c Component) string {
	if s.Namespace != "" {
		return s.Namespace
	}
	return c.Namespace
}

// SecretsAmong are the component's Secrets with what others of the platform offer
// filled in; the credentials are not, see [KubernetesSecret.Fill].
func (c Component) SecretsAmong(o Offers) ([]KubernetesSecret, error) {
	secrets := slices.Clone(c.KubernetesSecrets)
	for i, s := range secrets {
		secrets[i].Data = maps.Clone(s.Data)
		for key, text := range s.Data {
			rendered, err := render(key, []byte(text), o)
			if err != nil {
				return nil, fmt.Errorf("component %s: kubernetes-secrets %s: %w", c.Name, s.Name, err)
			}
			secrets[i].Data[key] = string(rendered)
		}
	}
	return secrets, nil
}

// Credentials are the names that the Secret's values are made from, sorted.
func (s KubernetesSecret) Credentials() []string {
	var names []string
	for _, text := range s.Data {
		for _, r := range references(text) {
			names = append(names, r.name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Fill gives the Secret's values with the credentials in them. The error names
// the key, never a value.
func (s KubernetesSecret) Fill(credentials map[string]string) (map[string]string, error) {
	filled := make(map[string]string, len(s.Data))
	for _, key := range slices.Sorted(maps.Keys(s.Data)) {
		text, missing := Expand(s.Data[key], credentials)
		if missing != "" {
			return nil, fmt.Errorf("kubernetes-secrets %s: data.%s: there is no credential %q", s.Name, key, missing)
		}
		filled[key] = text
	}
	return filled, nil
}

var (
	referenceForm = pattern.New(`\$?\$\{[^}]*\}?`)
	secretName    = pattern.New(`^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$`)
	secretKey     = pattern.New(`^[-._a-zA-Z0-9]{1,253}$`)
)

// forms are what ${name:form} makes of a credential.
var forms = map[string]func(string) string{
	"":    func(s string) string { return s },
	"url": func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }, // a + is a space in a query alone
	"fernet": func(s string) string {
		sum := sha256.Sum256([]byte(s))
		return base64.URLEncoding.EncodeToString(sum[:])
	},
}

// reference is one ${name:form} of a text.
type reference struct{ text, name, form string }

func references(text string) []reference {
	var found []reference
	for _, match := range referenceForm.FindAllString(text, -1) {
		if !strings.HasPrefix(match, "$$") {
			found = append(found, refer(match))
		}
	}
	return found
}

func refer(match string) reference {
	name, form, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(match, "${"), "}"), ":")
	return reference{match, name, form}
}

// Expand replaces the references of a text. missing is the name of one that has
// no value, if there is any.
func Expand(text string, credentials map[string]string) (expanded, missing string) {
	expanded = referenceForm.ReplaceAllStringFunc(text, func(match string) string {
		if strings.HasPrefix(match, "$$") {
			return match[1:]
		}
		r := refer(match)
		value, form := credentials[r.name], forms[r.form]
		if value == "" || form == nil {
			missing = r.name
			return ""
		}
		return form(value)
	})
	return expanded, missing
}

// makeSecrets are the drivers that make what kubernetes-secrets asks for: anywhere
// else it would be ignored in silence.
var makeSecrets = []string{"helm", "manifest"}

// CheckSecrets reports what is wrong in a component's kubernetes-secrets.
func CheckSecrets(c Component, add func(format string, args ...any)) {
	for i, s := range c.KubernetesSecrets {
		say := func(format string, args ...any) {
			add("kubernetes-secrets %s: %s", s.Name, fmt.Sprintf(format, args...))
		}
		switch {
		case !slices.Contains(makeSecrets, c.Driver):
			say("driver %s makes none, want one of %s", c.Driver, strings.Join(makeSecrets, ", "))
		case s.In(c) == "":
			say("namespace is missing, and the component has none")
		case !nameForm.MatchString(s.In(c)):
			say("namespace %q must be lower case letters, digits and dashes", s.In(c))
		}
		if !secretName.MatchString(s.Name) {
			say("the name must be lower case letters, digits, dashes and dots")
		}
		if slices.ContainsFunc(c.KubernetesSecrets[:i], func(o KubernetesSecret) bool { return o.Name == s.Name && o.In(c) == s.In(c) }) {
			say("it is there twice")
		}
		if len(s.Data) == 0 {
			say("data is empty")
		}
		for _, key := range slices.Sorted(maps.Keys(s.Data)) {
			if !secretKey.MatchString(key) {
				say("data has the key %q, which must be letters, digits, dashes, dots and underscores", key)
			}
			for _, r := range references(s.Data[key]) {
				switch {
				case !strings.HasSuffix(r.text, "}") || !nameForm.MatchString(r.name):
					say("data.%s: %q is no reference to a credential such as ${redis-password}; write $${ for a plain ${", key, r.text)
				case forms[r.form] == nil:
					say("data.%s: %q asks for the form %q, want one of fernet, url", key, r.text, r.form)
				case !slices.Contains(c.Secrets, r.name):
					say("data.%s: %q is not in the component's secrets", key, r.name)
				}
			}
		}
	}
}

// checkSecretsOnce reports a Secret that two components would make.
func checkSecretsOnce(cs []Component, add func(c Component, format string, args ...any)) {
	makes := map[string]string{}
	for _, c := range cs {
		for _, s := range c.KubernetesSecrets {
			id := s.In(c) + "/" + s.Name
			if other, taken := makes[id]; taken && other != c.Name {
				add(c, "kubernetes-secrets: %s is made by %s already", id, other)
			}
			makes[id] = c.Name
		}
	}
}
