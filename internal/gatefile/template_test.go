package gatefile

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

type fields map[string]any

// given is a template with one metric, and what is laid over it.
func given(t *testing.T, spec, metric, prometheus fields) []byte {
	t.Helper()
	p := fields{"query": "x"}
	maps.Copy(p, prometheus)
	m := fields{"name": "m", "provider": fields{"prometheus": p}}
	maps.Copy(m, metric)
	s := fields{"metrics": []any{m}}
	maps.Copy(s, spec)
	text, err := yaml.Marshal(fields{"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisTemplate", "metadata": fields{"name": "t", "labels": fields{"a": "b"}}, "spec": s})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestAdd_EveryFieldOfArgo has no field that is read and has no effect.
func TestAdd_EveryFieldOfArgo(t *testing.T) {
	text, err := os.ReadFile("testdata/fields.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var all []struct {
		Field                    string
		Spec, Metric, Prometheus fields
		Gives, Refused           string
	}
	if err := yaml.UnmarshalStrict(text, &all); err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		var f File
		err := f.Add(Template{}, given(t, c.Spec, c.Metric, c.Prometheus))
		switch {
		case (c.Gives == "") == (c.Refused == ""):
			t.Errorf("%s: it must either give or be refused", c.Field)
		case c.Refused != "" && (err == nil || !strings.Contains(err.Error(), c.Refused)):
			t.Errorf("%s: %v, want %q", c.Field, err, c.Refused)
		case c.Gives != "" && err != nil:
			t.Errorf("%s: %v", c.Field, err)
		case c.Gives != "":
			if got := seen(t, f.Checks[0]); !strings.Contains(got, c.Gives) {
				t.Errorf("%s: %s, want %s", c.Field, got, c.Gives)
			}
		}
	}
}

// seen is all of a check as text.
func seen(t *testing.T, c Check) string {
	t.Helper()
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := errors.Join(encoder.Encode(c), encoder.Encode(c.Metric)); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestAdd_Refuses(t *testing.T) {
	secret := fields{"args": []any{fields{"name": "a", "valueFrom": fields{"secretKeyRef": fields{"name": "s", "key": "k"}}}}}
	field := fields{"args": []any{fields{"name": "a", "valueFrom": fields{"fieldRef": fields{"fieldPath": "metadata.name"}}}}}
	for _, c := range []struct {
		name                     string
		spec, metric, prometheus fields
		want                     string
	}{
		{"a field that Argo does not know", nil, fields{"intervall": "5s"}, nil, `metric "m": unknown field "intervall"`},
		{"one of the provider", nil, nil, fields{"adress": "x"}, `unknown field "adress"`},
		{"one of the spec", fields{"metric": []any{}}, nil, nil, `unknown field "metric"`},
		{"a rule that fits nothing", fields{"dryRun": []any{fields{"metricName": "other"}}}, nil, nil, `dryRun "other" fits none`},
		{"a rule that is no expression", fields{"dryRun": []any{fields{"metricName": "("}}}, nil, nil, `dryRun "("`},
		{"no time to answer", nil, nil, fields{"timeout": 0}, "a timeout of 0 s"},
		{"half of the credentials", nil, nil, fields{"authentication": fields{"oauth2": fields{"tokenUrl": "u"}}}, "oauth2 needs"},
		{"a Secret in a condition", secret, fields{"successCondition": "result[0] < {{args.a}}"}, nil, "{{secret s k}} stands where"},
		{"a Secret in the address", secret, nil, fields{"address": "{{args.a}}"}, "{{secret s k}} stands where"},
		{"the Rollout in a header", field, nil, fields{"headers": []any{fields{"key": "H", "value": "{{args.a}}"}}}, "{{metadata.name}} stands in a header"},
		{"the Rollout in the address", field, nil, fields{"address": "http://{{args.a}}"}, "{{metadata.name}} stands where"},
		{"an argument without a value", fields{"args": []any{fields{"name": "a"}}}, nil, nil, `argument "a" has no value`},
	} {
		var f File
		if err := f.Add(Template{File: "t.yaml"}, given(t, c.spec, c.metric, c.prometheus)); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	var f File
	if err := f.Add(Template{Args: map[string]string{"b": "c"}}, given(t, nil, nil, nil)); err == nil || !strings.Contains(err.Error(), `args gives "b"`) {
		t.Error(err)
	}
}

// TestAdd_TheTemplateThatUsersStartFrom is what the documentation's example names.
func TestAdd_TheTemplateThatUsersStartFrom(t *testing.T) {
	text, err := os.ReadFile("../../infra-template/apps/backend/base/analysis.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var f File
	if err := f.Add(Template{Args: map[string]string{"revision": "{{pod-hash}}"}}, text); err != nil || len(f.Checks) != 1 {
		t.Fatal(err, f.Checks)
	}
}

func TestMetric_Resolve(t *testing.T) {
	m := Metric{Headers: map[string]string{"Authorization": "Bearer {{secret s token}}", "X": "y"}, OAuth2: &OAuth2{TokenURL: "u", ClientSecret: "{{secret s client}}"}}
	headers, o, err := m.Resolve(func(name, key string) (string, error) { return name + "/" + key + "\n", nil })
	if err != nil || headers["Authorization"] != "Bearer s/token" || headers["X"] != "y" || o.ClientSecret != "s/client\n" || o.TokenURL != "u" {
		t.Errorf("%v %+v %v", headers, o, err)
	}
	if _, _, err := m.Resolve(func(string, string) (string, error) { return "", errors.New("forbidden") }); err == nil {
		t.Error("no error")
	}
	if m.OAuth2.ClientSecret != "{{secret s client}}" {
		t.Error("the metric was changed")
	}
}

func TestFindMetric(t *testing.T) {
	const two = `{"kind": "AnalysisTemplate", "spec": {"args": [{"name": "n", "value": "4"}, {"name": "m"}],
		"metrics": [{"name": "a", "interval": "1s", "count": "{{args.n}}"}, {"name": "b", "count": "{{args.m}}"}]}}`
	for _, c := range []struct {
		text, name, want string
		wanted           int
	}{
		{`{"count": 2, "interval": "1s", "provider": {"prometheus": {"query": "x{a={{args.a}}}"}}}`, "", "", 2},
		{two, "a", "", 4},
		{two, "b", "{{args.m}} is an argument whose value is not known", 0},
		{two, "", "it has 2 metrics, none of them is \"\"", 0},
		{`{"kind": "AnalysisTemplate", "spec": {"metrics": []}}`, "", "it has 0 metrics", 0},
		{`{"metric": {"count": 3}}`, "", `unknown field "metric"`, 0},
		{`{"count": "{{args.n}}"}`, "", "is an argument whose value is not known", 0},
		{`{"interval": 5}`, "", "interval must not be a number", 0},
		{"null", "", "it is no metric", 0},
		{"[]", "", "it is no metric", 0},
	} {
		m, err := FindMetric([]byte(c.text), c.name)
		if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) || (err == nil && m.Wanted() != c.wanted) {
			t.Errorf("%s %q: %+v, %v", c.text, c.name, m, err)
		}
	}
}
