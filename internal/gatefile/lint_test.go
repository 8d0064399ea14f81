package gatefile

import (
	"strings"
	"testing"
	"time"
)

// documents splits a text at its lines of three dashes.
func documents(text string) []Document {
	var out []Document
	for _, one := range strings.Split(text, "\n---\n") {
		out = append(out, Document{"f", []byte(one)})
	}
	return out
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
		"kind: AnalysisTemplate\nspec: {}":                                  "no-metrics",
		"kind: Deployment":                                                  "",
		"checks: [{name: a, query: x, condition: 'all(result, # < 1)'}]":    "",
		"checks: [{name: a, query: x}]":                                     "gate-file",
		"a: [":                                                              "yaml",
	} {
		var rules []string
		for _, f := range Lint(documents(text), 15*time.Second) {
			rules = append(rules, f.Rule)
		}
		if got := strings.Join(rules, " "); got != want {
			t.Errorf("%s\n  %q, want %q", text, got, want)
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
		for _, f := range Lint(documents(c.text), 15*time.Second) {
			rules, said = append(rules, f.Level+" "+f.Rule), append(said, f.Text)
		}
		if got := strings.Join(rules, ", "); got != c.want || !strings.Contains(strings.Join(said, "\n"), c.said) {
			t.Errorf("%s: %q %q, want %q with %q", c.name, got, said, c.want, c.said)
		}
	}
}
