package gatefile

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"
)

// lint lints a text that names no other files.
func lint(text string) []Finding {
	return Lint(Documents("f", []byte(text)), 15*time.Second, func(string) ([]byte, error) { return nil, fs.ErrNotExist })
}

func TestLint(t *testing.T) {
	metric := func(s string) string {
		return "kind: AnalysisTemplate\nspec: {metrics: [{name: m, provider: {prometheus: {query: x}}, " + s + "}]}"
	}
	for text, want := range map[string]string{
		metric("successCondition: 'result[0] < 0.05'"):                      "",
		metric("failureCondition: 'result[0] < 0.95'"):                      "nan-passes",
		metric("successCondition: 'not (result[0] < 0.95)'"):                "nan-passes",
		metric("successCondition: 'isNaN(result[0]) || result[0] < 1'"):     "",
		metric("successCondition: 'all(result, # < 1)'"):                    "no-data-passes",
		metric("successCondition: 'len(result) == 0 || result[0] < 1'"):     "no-data-passes",
		metric(`successCondition: 'result[0] == "0"'`):                      "compile",
		metric("successCondition: 'result && result[0] > 1'"):               "compile",
		metric("interval: 30s"):                                             "no-condition endless",
		metric("successCondition: 'result[0] < 1', interval: 30s"):          "endless",
		metric("successCondition: 'result[0] < 1', interval: 5s, count: 3"): "same-sample",
		metric("successCondition: 'result[0] < 1', count: 3"):               "refused",
		metric("successCondition: 'isNil(result) || result[0] < 1'"):        "never-nil",
		metric("successCondition: 'default(result, 0) == 0'"):               "never-nil",
		metric("successCondition: 'result[0] in 0..1'"):                     "whole-numbers",
		metric("successCondition: 'isNaN(result) || result >= 0.95'"):       "scalar-only", // as the documentation of Argo has it
		metric("successCondition: 'result[0] < 1', intervall: 30s"):         "metric",
		metric("successCondition: 'result[0] < {{args.a}}'"):                "metric", // no argument of it
		"kind: AnalysisTemplate\nspec: {}":                                  "no-metrics",
		"kind: AnalysisTemplate\nspec: {dryRun: [{metricName: x}], metrics: [{name: m, successCondition: 'result < 1', provider: {prometheus: {query: 'scalar(x)'}}}]}":                                                                                              "dry-run",
		"kind: AnalysisTemplate\nspec: {metrics: [{name: w, successCondition: result.ok, provider: {web: {url: x}}}, {name: j, provider: {job: {}}}]}":                                                                                                               "",
		"kind: List\nitems: [{kind: AnalysisTemplate, spec: {metrics: [{name: m, failureCondition: 'result[0] > 1', provider: {prometheus: {query: x}}}]}}, {kind: Deployment}]":                                                                                     "nan-passes",
		"kind: AnalysisTemplate\nspec: {args: [{name: a}, {name: max}, {name: i, value: 20s}], metrics: [{name: m, interval: '{{args.i}}', count: '{{args.max}}', failureCondition: 'result[0] > {{args.a}}', provider: {web: {}}}]}":                                "",
		"kind: AnalysisTemplate\nspec: {args: [{name: a}, {name: max}, {name: i}], metrics: [{name: m, interval: '{{args.i}}', initialDelay: '{{args.i}}', count: '{{args.max}}', failureCondition: 'result[0] > {{args.a}}', provider: {prometheus: {query: x}}}]}": "nan-passes",
		"kind: Deployment": "",
		"checks: [{name: a, query: x, condition: 'all(result, # < 1)'}]": "",
		"checks: [{name: a, query: x}]":                                  "gate-file",
		"a: [":                                                           "yaml",
	} {
		var rules []string
		for _, f := range lint(text) {
			rules = append(rules, f.Rule)
		}
		if got := strings.Join(rules, " "); got != want {
			t.Errorf("%s\n  %q, want %q", text, got, want)
		}
	}
}

// Nobody sees the trap until a release without a failure has no verdict.
func TestLint_SharesOfFailures(t *testing.T) {
	const all = `sum(rate(http_requests_total{revision="{{pod-hash}}"}[1m]))`
	for query, want := range map[string]bool{
		`sum(rate(http_requests_total{code=~"5..",revision="{{pod-hash}}"}[1m])) / ` + all:     true,
		`sum(irate(istio_requests_total{response_code=~"5.*"}[2m])) / ` + all:                  true,
		"sum(rate(http_requests_total{status='500'}[1m]))\n/\n" + all:                          true,
		`(sum(rate(http_requests_total{code=~"5.."}[1m])) or vector(0)) / ` + all:              false,
		`sum(irate(istio_requests_total{response_code!~"5.*"}[2m])) / ` + all:                  false, // of successes
		`sum(rate(http_requests_total{code=~"5.."}[1m]))`:                                      false,
		`1 - sum(rate(http_requests_total{code!~"5.."}[1m])) / ` + all:                         false,
		`sum(rate(http_requests_total[1m])) / sum(rate(http_requests_total{code=~"5.."}[1m]))`: false,
	} {
		for _, text := range []string{
			"checks:\n- name: c\n  condition: result[0] < 0.05\n  query: |\n    " + strings.ReplaceAll(query, "\n", "\n    "),
			"checks:\n- name: c\n  budget:\n    objective: 99\n    errors: |\n      " + strings.ReplaceAll(strings.ReplaceAll(query, "\n", "\n      "), "1m", "{{window}}"),
			"kind: AnalysisTemplate\nspec:\n  args: [{name: h}]\n  metrics:\n  - name: m\n    successCondition: result[0] < 0.05\n    provider:\n      prometheus:\n        query: |\n          " +
				strings.ReplaceAll(strings.ReplaceAll(query, "\n", "\n          "), "{{pod-hash}}", "{{args.h}}"),
		} {
			found := lint(text)
			if got := len(found) == 1 && found[0].Rule == "no-failures" && found[0].Level == "warning"; got != want || !want && len(found) > 0 {
				t.Errorf("%s\n%+v, want %v", text, found, want)
			}
		}
	}
}

// TestLint_Steps has a Rollout beside what judges it.
func TestLint_Steps(t *testing.T) {
	const metric = "kind: AnalysisTemplate\nmetadata: {name: t}\nspec: {metrics: [{name: m, successCondition: 'result[0] < 1', provider: {prometheus: {query: x}}, "
	canary := func(s string) string {
		return "\n---\nkind: Rollout\nmetadata: {name: shop}\nspec: {strategy: {canary: {" + s + "}}}"
	}
	const (
		short      = "steps: [{setWeight: 20}, {pause: {duration: 1m}}, {setWeight: 50}, {pause: {duration: 30}}, {pause: {duration: '30'}}]"
		human      = "steps: [{setWeight: 20}, {pause: {duration: 1m}}, {pause: {}}]"
		background = ", analysis: {templates: [{templateName: t}]"
		holding    = "steps: [{setWeight: 20}, {analysis: {templates: [{templateName: t}]}}]"
	)
	for _, c := range []struct{ name, text, want, said string }{
		{"an endless one holds a step up", metric + "interval: 30s}]}" + canary(holding), "error endless", "Rollout shop waits for it and never goes on"},
		{"and a switch of blue-green", metric + "interval: 30s}]}" + "\n---\nkind: Rollout\nmetadata: {name: shop}\nspec: {strategy: {blueGreen: {prePromotionAnalysis: {templates: [{templateName: t}]}}}}", "error endless", ""},
		{"in the background it may be endless", metric + "interval: 30s}]}" + canary(short+background+"}"), "", ""},
		{"a count that fits", metric + "interval: 30s, count: 5}]}" + canary(short+background+"}"), "", ""},
		{"one that does not", metric + "interval: 30s, count: 6}]}" + canary(short+background+"}"), "warning does-not-fit", "6 measurements every 30s take 2m30s, but the pauses of Rollout shop last 2m0s in all"},
		{"nor with its delay", metric + "interval: 30s, count: 5, initialDelay: 10s}]}" + canary(short+background+"}"), "warning does-not-fit", ""},
		{"nor when it begins late", metric + "interval: 30s, count: 4}]}" + canary(short+background+", startingStep: 3}"), "warning does-not-fit", "last 1m0s in all"},
		{"a human takes as long as he likes", metric + "interval: 30s, count: 100}]}" + canary(human+background+"}"), "", ""},
		{"another template's Rollout", metric + "interval: 30s}]}" + canary(short), "warning endless", "as a step of a Rollout it never ends"},
		{"a comparison that has time", "checks: [{name: c, query: 'x{{hash}}', min-samples: 7, compare: {direction: increase}}]" + canary(short), "", ""},
		{"and one that has not, at the scrape interval", "checks: [{name: c, query: 'x{{hash}}', compare: {direction: increase, step: 1s}}]" + canary(short), "warning too-few-samples", "20 samples every 15s after 30s take 5m15s, but the pauses of Rollout shop last 2m0s in all: it will be inconclusive"},
		{"a threshold that is measured too late", "checks: [{name: c, query: x, condition: 'result[0] < 1', interval: 1m, min-samples: 4}]" + canary(short), "warning does-not-fit", "when everybody has the release"},
		{"a budget is not of the canary", "checks: [{name: c, budget: {objective: 99, errors: 'x[{{window}}]'}, interval: 1h}]" + canary(short), "", ""},
		{"no steps, nothing to fit", "checks: [{name: c, query: 'x{{hash}}', compare: {direction: increase}}]" + canary(""), "", ""},
	} {
		var rules, said []string
		for _, f := range lint(c.text) {
			rules, said = append(rules, f.Level+" "+f.Rule), append(said, f.Text)
		}
		if got := strings.Join(rules, ", "); got != c.want || !strings.Contains(strings.Join(said, "\n"), c.said) {
			t.Errorf("%s: %q %q, want %q with %q", c.name, got, said, c.want, c.said)
		}
	}
}

// TestLint_OpensTheTemplatesOfAGateFile has findings for both: what is wrong with a
// template, and what the gate could not do with it.
func TestLint_OpensTheTemplatesOfAGateFile(t *testing.T) {
	const metric = "kind: AnalysisTemplate\nspec: {args: [{name: limit}], metrics: [{name: m, %s, provider: {%s}}]}"
	files := map[string]string{
		"apps/good.yaml": fmt.Sprintf(metric, "successCondition: 'result[0] < {{args.limit}}'", "prometheus: {query: x}"),
		"apps/nan.yaml":  fmt.Sprintf(metric, "failureCondition: 'result[0] > {{args.limit}}'", "prometheus: {query: x}"),
		"apps/web.yaml":  fmt.Sprintf(metric, "successCondition: result.ok", "web: {url: x}"),
		"apps/two.yaml":  fmt.Sprintf(metric, "successCondition: 'result[0] < 1'", "prometheus: {query: x}") + "\n---\nkind: Deployment",
	}
	read := func(path string) ([]byte, error) {
		if text, ok := files[path]; ok {
			return []byte(text), nil
		}
		return nil, fmt.Errorf("open %s: %w", path, fs.ErrNotExist)
	}
	for _, c := range []struct {
		name, templates string
		beside          []string // files that are linted with the gate file
		want            []string
	}{
		{"nothing to find", "{file: ../apps/good.yaml, args: {limit: '1'}}", nil, nil},
		{"an argument is missing", "{file: ../apps/good.yaml}", nil, []string{`.github/gate.yaml error ../apps/good.yaml template argument "limit" has no value`}},
		{"one does not fit", "{file: ../apps/good.yaml, args: {limit: five}}", nil, []string{`.github/gate.yaml error ../apps/good.yaml compile metric "m" with the arguments`}},
		{"it passes on NaN", "{file: ../apps/nan.yaml, args: {limit: '1'}}", nil, []string{"apps/nan.yaml warning m nan-passes"}},
		{"it is found once", "{file: ../apps/nan.yaml, args: {limit: '1'}}, {file: ../apps/nan.yaml, args: {limit: '2'}}", []string{"apps/nan.yaml"}, []string{"apps/nan.yaml warning m nan-passes"}},
		{"the gate cannot measure it", "{file: ../apps/web.yaml, args: {limit: '1'}}", nil, []string{`.github/gate.yaml error ../apps/web.yaml template metric "m": it is not measured by Prometheus`}},
		{"only the first would be measured", "{file: ../apps/two.yaml, args: {limit: '1'}}", nil, []string{".github/gate.yaml error ../apps/two.yaml template it holds 2 documents"}},
		{"it is not there", "{file: ../apps/none.yaml}", nil, []string{".github/gate.yaml error ../apps/none.yaml template open apps/none.yaml: file does not exist"}},
	} {
		documents := Documents(".github/gate.yaml", []byte("templates: ["+c.templates+"]"))
		for _, path := range c.beside {
			documents = append(documents, Documents(path, []byte(files[path]))...)
		}
		var got []string
		for _, f := range Lint(documents, 15*time.Second, read) {
			got = append(got, strings.Join([]string{f.File, f.Level, f.Where, f.Rule, f.Text}, " "))
		}
		if !slices.EqualFunc(got, c.want, strings.HasPrefix) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
