package gatefile

import (
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

const whole = `
prometheus: service:monitoring/prometheus:9090
pass: 90
marginal: 70
checks:
- name: errors
  query: errors{hash="{{pod-hash}}"}
  condition: result[0] < 0.01
- name: latency
  query: latency{hash="{{hash}}"}
  compare: {direction: increase}
  critical: false
  weight: 2
  on-no-data: fail
- name: budget
  budget: {objective: 99.9, errors: 'errors{{{window}}}'}
`

func TestParse_Defaults(t *testing.T) {
	f, err := Parse([]byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	e, l, b := f.Checks[0], f.Checks[1], f.Checks[2]
	if e.MinSamples != 3 || !*e.Critical || *e.Weight != 1 || e.OnNoData != Undecided || time.Duration(e.Interval) != 10*time.Second {
		t.Errorf("%+v", e)
	}
	if l.MinSamples != 20 || *l.Critical || *l.Weight != 2 || l.OnNoData != Fail || *l.Compare.Tolerance != 0.25 || l.Compare.Confidence != 0.98 {
		t.Errorf("%+v %+v", l, l.Compare)
	}
	if len(b.Budget.Windows) != 2 || b.Budget.Windows[0].Burn != 14.4 || b.MinSamples != 1 {
		t.Errorf("%+v", b.Budget)
	}
}

func TestParse_Refuses(t *testing.T) {
	check := func(s string) string { return "checks: [{name: a, " + s + "}]" }
	for text, want := range map[string]string{
		"":           "neither checks nor templates",
		"checks: [":  "line 1: did not find expected node content",
		"chekcs: []": `unknown field "chekcs"`,
		"checks: [{query: x, condition: 'true'}]": "checks[0] has no name",
		check("query: x"):                         `check "a": it must have exactly one of a condition, compare and budget`,
		check("query: x, condition: 'result[0] < 1', compare: {direction: increase}"):              "exactly one",
		check("condition: 'result[0] < 1'"):                                                        "a query belongs to a condition",
		check("query: x, condition: 'result[0] == \"0\"'"):                                         "invalid operation",
		check("query: x, condition: 'result[0] < 1', on-no-data: maybe"):                           `on-no-data is "maybe"`,
		check("query: x, condition: 'result[0] < 1', interval: 10"):                                "not a duration",
		check("query: x, compare: {direction: increase}"):                                          "both sides would get the same",
		check("query: 'x{{hash}}', compare: {direction: up}"):                                      `direction is "up"`,
		check("budget: {objective: 99.9, errors: x}"):                                              "{{window}}",
		check("budget: {objective: 100, errors: 'x{{window}}'}"):                                   "objective is 100",
		check("query: x, condition: 'result[0] < 1'") + "\npass: 50\nmarginal: 60":                 "marginal is 60",
		"checks: [{name: a, query: x, condition: 'true'}, {name: a, query: x, condition: 'true'}]": "two checks",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s\n  %v, want one line with %q", text, err, want)
		}
	}
}

// TestSchema_HasWhatIsRead holds the published schema to the types.
func TestSchema_HasWhatIsRead(t *testing.T) {
	type node struct {
		Properties map[string]json.RawMessage `json:"properties"`
		Defs       map[string]node            `json:"$defs"`
	}
	text, err := os.ReadFile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var schema node
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		of   any
		node node
	}{{File{}, schema}, {Check{}, schema.Defs["check"]}, {Compare{}, schema.Defs["compare"]}, {Budget{}, schema.Defs["budget"]}} {
		var want []string
		for i := range reflect.TypeOf(c.of).NumField() {
			if name, _, _ := strings.Cut(reflect.TypeOf(c.of).Field(i).Tag.Get("json"), ","); name != "-" {
				want = append(want, name)
			}
		}
		var got []string
		for name := range c.node.Properties {
			got = append(got, name)
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(want, got) {
			t.Errorf("%T reads %v, the schema has %v", c.of, want, got)
		}
	}
}

const template = `
kind: AnalysisTemplate
metadata: {name: success-rate}
spec:
  args: [{name: hash}, {name: limit, value: "0.95"}]
  dryRun: [{metricName: try-.*}]
  metrics:
  - name: success
    interval: 20s
    count: "3"
    failureLimit: 1
    successCondition: len(result) > 0 && result[0] >= {{args.limit}}
    provider: {prometheus: {address: "http://p", query: 'ok{hash="{{args.hash}}"}', headers: [{key: X-Scope-OrgID, value: a}]}}
  - name: try-latency
    failureCondition: result[0] > 1
    provider: {prometheus: {query: 'quantile{hash="{{ args.hash }}"}', rangeQuery: {start: 'now() - duration("5m")', end: now(), step: 10s}}}
`

func TestAdd_TakesTemplatesAsTheyAre(t *testing.T) {
	var f File
	if err := f.Add(Template{File: "t.yaml", Args: map[string]string{"hash": "{{pod-hash}}"}}, []byte(template)); err != nil {
		t.Fatal(err)
	}
	a, b := f.Checks[0], f.Checks[1]
	if a.Query != `ok{hash="{{pod-hash}}"}` || a.Condition != "len(result) > 0 && result[0] >= 0.95" || a.Metric.Wanted() != 3 || time.Duration(a.Interval) != 20*time.Second || a.Metric.Headers["X-Scope-OrgID"] != "a" || a.Metric.DryRun {
		t.Errorf("%+v %+v", a, a.Metric)
	}
	if !b.Metric.DryRun || b.Metric.Range.Step != "10s" || b.Metric.Wanted() != 1 {
		t.Errorf("%+v", b.Metric)
	}
	for _, c := range []struct{ old, new, want string }{
		{"kind: AnalysisTemplate", "kind: Deployment", `is a "Deployment"`},
		{"{name: hash}, ", "", `args gives "hash", which is no argument`},
		{`{name: hash}`, `{name: hash}, {name: hash2}`, `"hash2" has no value`},
		{"{{args.hash}}", "{{args.hsh}}", "{{args.hsh}} is no argument"},
		{"prometheus: {address", "web: {address", "is not measured by Prometheus"},
		{`count: "3"`, "count: 0", ""},
		{"failureLimit: 1", "failureLimit: 9", "count (3) must be >= failureLimit"},
	} {
		var f File
		err := f.Add(Template{File: "t.yaml", Args: map[string]string{"hash": "x"}}, []byte(strings.Replace(template, c.old, c.new, 1)))
		if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.new, err, c.want)
		}
	}
}

// FuzzParse: any file is a gate file or one clear error.
func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte(template))
	f.Fuzz(func(t *testing.T, text []byte) {
		if file, err := Parse(text); err == nil && len(file.Checks)+len(file.Templates) == 0 {
			t.Error("a file without checks was taken")
		}
		Lint([]Document{{"a", text}, {"b", text}}, 15*time.Second, func(string) ([]byte, error) { return text, nil })
		var file File
		_ = file.Add(Template{}, text)
	})
}
