package gatefile

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/buenhyden/hy-home/internal/judge"
)

// Document is one YAML document of a file.
type Document struct {
	File string
	Text []byte
}

// Finding is one thing that is wrong, or may well be, with a file.
type Finding struct {
	File  string `json:"file"`
	Level string `json:"level"` // error: it cannot work; warning: it may pass or fail by mistake
	Where string `json:"where"` // metric or check
	Rule  string `json:"rule"`  // one word
	Text  string `json:"text"`  // one sentence
}

// Lint looks through documents that belong together: gate files,
// AnalysisTemplates, and Rollouts, whose steps say how long the canary is there to
// be measured and which analysis holds them up. Other kinds have no findings.
// Scrape is how often Prometheus looks.
func Lint(documents []Document, scrape time.Duration) []Finding {
	l := &linter{scrape: scrape}
	for _, d := range documents {
		l.addRollout(d.Text)
	}
	for _, d := range documents {
		l.file = d.File
		l.lint(d.Text)
	}
	return l.found
}

type linter struct {
	scrape   time.Duration
	rollouts []steps
	file     string // that is looked at
	found    []Finding
}

func (l *linter) fail(where, rule, format string, args ...any) {
	l.found = append(l.found, Finding{l.file, "error", where, rule, fmt.Sprintf(format, args...)})
}

func (l *linter) warn(where, rule, format string, args ...any) {
	l.found = append(l.found, Finding{l.file, "warning", where, rule, fmt.Sprintf(format, args...)})
}

func (l *linter) lint(text []byte) {
	var m manifest
	if err := yaml.Unmarshal(text, &m); err != nil {
		l.fail("", "yaml", "%s", err)
		return
	}
	switch m.Kind {
	case "AnalysisTemplate", "ClusterAnalysisTemplate", "AnalysisRun":
		l.template(m)
	case "":
		f, err := Parse(text)
		if err != nil {
			l.fail("", "gate-file", "%s", err)
			return
		}
		// Its conditions compile, and no data and NaN never pass a check of ours.
		for _, c := range f.Checks {
			l.fits(c)
		}
	}
}

func (l *linter) template(m manifest) {
	if len(m.Spec.Metrics) == 0 {
		l.fail("", "no-metrics", "it has no metrics")
		return
	}
	name, _ := m.Metadata["name"].(string)
	seen := map[string]bool{}
	for _, raw := range m.Spec.Metrics {
		var mm metricManifest
		if err := json.Unmarshal(raw, &mm); err != nil {
			l.fail("", "metric", "%s", err)
			continue
		}
		if seen[mm.Name] {
			l.fail(mm.Name, "duplicate", "there are two metrics of this name")
		}
		seen[mm.Name] = true
		if err := mm.Validate(); err != nil {
			l.fail(mm.Name, "refused", "Argo Rollouts refuses it: %s", err)
		}
		if mm.SuccessCondition+mm.FailureCondition == "" {
			l.warn(mm.Name, "no-condition", "without a condition every value that can be read is a success")
		} else {
			l.condition(mm.Name, mm.SuccessCondition, mm.FailureCondition)
		}
		l.ends(name, mm)
		if mm.Provider.Prometheus != nil {
			l.scrapes(mm)
		}
	}
}

// scrapes finds an interval below that of the scrapes, which measures the same
// value again.
func (l *linter) scrapes(m metricManifest) {
	interval, err := time.ParseDuration(m.Interval)
	if err != nil || m.Wanted() < 2 || interval >= l.scrape {
		return
	}
	l.warn(m.Name, "same-sample", "%d measurements every %s see about %d scrapes of Prometheus at %s: most judge the same value again",
		m.Wanted(), interval, 1+int(time.Duration(m.Wanted()-1)*interval/l.scrape), l.scrape)
}

// condition tries a condition on what Prometheus may answer.
func (l *linter) condition(where, success, failure string) {
	if _, err := judge.Compile(success, failure); err != nil {
		l.fail(where, "compile", "%s", err)
		return
	}
	try := func(v any) judge.Outcome { o, _ := judge.Evaluate(success, failure, v); return o }
	// A condition may be meant for scalars or for vectors; the other is an error to it.
	nan := []any{[]float64{math.NaN()}, math.NaN()}
	for _, v := range nan {
		if try(v) == judge.Successful && !judge.AsksNaN(success, failure) {
			l.warn(where, "nan-passes", "NaN, as a division by nothing gives, is a success: say what it means with isNaN, or use a success condition such as result[0] < 0.05")
			break
		}
	}
	if try([]float64{}) == judge.Successful {
		l.warn(where, "no-data-passes", "an answer without data is a success: add len(result) > 0 &&")
	}
	works := false
	for _, v := range []any{[]float64{0}, []float64{1}, []float64{0.5, 0.5}, 0.0, 1.0, []float64{100}} {
		works = works || try(v) != judge.Error
	}
	if !works {
		l.fail(where, "always-error", "every value that was tried is an error under it")
	}
}
