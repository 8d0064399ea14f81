package gatefile

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/buenhyden/hy-home/internal/judge"
)

// Finding is one thing that is wrong, or may well be, with a file.
type Finding struct {
	Level string `json:"level"` // error: it cannot work; warning: it may pass or fail by mistake
	Where string `json:"where"` // metric or check
	Rule  string `json:"rule"`  // one word
	Text  string `json:"text"`  // one sentence
}

// Lint looks through one document: a gate file, an AnalysisTemplate, or a
// Rollout, whose steps say how long its analysis may take. Other kinds have no
// findings.
func Lint(text []byte) []Finding {
	var kind struct{ Kind string }
	if err := yaml.Unmarshal(text, &kind); err != nil {
		return []Finding{{"error", "", "yaml", err.Error()}}
	}
	switch kind.Kind {
	case "AnalysisTemplate", "ClusterAnalysisTemplate", "AnalysisRun":
		return lintTemplate(text)
	case "":
		f, err := Parse(text)
		if err != nil {
			return []Finding{{"error", "", "gate-file", err.Error()}}
		}
		var out []Finding
		for _, c := range f.Checks {
			// No data and NaN never pass a check of ours, whatever the condition says.
			out = append(out, lintCondition(c.Name, c.Condition, c.FailureCondition, true)...)
		}
		return out
	}
	return nil
}

func lintTemplate(text []byte) []Finding {
	var m manifest
	if err := yaml.Unmarshal(text, &m); err != nil {
		return []Finding{{"error", "", "yaml", err.Error()}}
	}
	if len(m.Spec.Metrics) == 0 {
		return []Finding{{"error", "", "no-metrics", "it has no metrics"}}
	}
	var out []Finding
	seen := map[string]bool{}
	for _, raw := range m.Spec.Metrics {
		var mm metricManifest
		if err := json.Unmarshal(raw, &mm); err != nil {
			out = append(out, Finding{"error", "", "metric", err.Error()})
			continue
		}
		if seen[mm.Name] {
			out = append(out, Finding{"error", mm.Name, "duplicate", "there are two metrics of this name"})
		}
		seen[mm.Name] = true
		if err := mm.Validate(); err != nil {
			out = append(out, Finding{"error", mm.Name, "refused", "Argo Rollouts refuses it: " + err.Error()})
		}
		if mm.SuccessCondition+mm.FailureCondition == "" {
			out = append(out, Finding{"warning", mm.Name, "no-condition", "without a condition every value that can be read is a success"})
		} else {
			out = append(out, lintCondition(mm.Name, mm.SuccessCondition, mm.FailureCondition, false)...)
		}
		if mm.Interval != "" && mm.Wanted() == 0 && mm.ConsecutiveSuccessLimit == nil {
			out = append(out, Finding{"warning", mm.Name, "endless", "it has an interval and no count: as a step of a Rollout it never ends; it fits background analysis alone"})
		}
		if mm.Provider.Prometheus != nil {
			out = append(out, lintScrape(mm)...)
		}
	}
	return out
}

// scrape is how often Prometheus looks by default where people scrape often; an
// interval below it measures the same value again.
const scrape = 15 * time.Second

func lintScrape(m metricManifest) []Finding {
	interval, err := time.ParseDuration(m.Interval)
	if err != nil || m.Wanted() < 2 || interval >= scrape {
		return nil
	}
	return []Finding{{"warning", m.Name, "same-sample", fmt.Sprintf("%d measurements every %s see about %d scrapes of Prometheus at %s: most judge the same value again",
		m.Wanted(), interval, 1+int(time.Duration(m.Wanted()-1)*interval/scrape), scrape)}}
}

// lintCondition tries a condition on what Prometheus may answer.
func lintCondition(where, success, failure string, strict bool) []Finding {
	var out []Finding
	if _, err := judge.Compile(success, failure); err != nil {
		return append(out, Finding{"error", where, "compile", err.Error()})
	}
	try := func(v any) judge.Outcome { o, _ := judge.Evaluate(success, failure, v); return o }
	if strict {
		return out
	}
	// A condition may be meant for scalars or for vectors; the other is an error to it.
	nan := []any{[]float64{math.NaN()}, math.NaN()}
	for _, v := range nan {
		if try(v) == judge.Successful && !judge.AsksNaN(success, failure) {
			out = append(out, Finding{"warning", where, "nan-passes", "NaN, as a division by nothing gives, is a success: say what it means with isNaN, or use a success condition such as result[0] < 0.05"})
			break
		}
	}
	if try([]float64{}) == judge.Successful {
		out = append(out, Finding{"warning", where, "no-data-passes", "an answer without data is a success: add len(result) > 0 &&"})
	}
	works := false
	for _, v := range []any{[]float64{0}, []float64{1}, []float64{0.5, 0.5}, 0.0, 1.0, []float64{100}} {
		works = works || try(v) != judge.Error
	}
	if !works {
		out = append(out, Finding{"error", where, "always-error", "every value that was tried is an error under it"})
	}
	return out
}
