package gatefile

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/buenhyden/hy-home/internal/judge"
)

// standIn is the value of an argument that only the user of a template gives: a
// number, which nearly all conditions and limits compare with.
const standIn = "1"

func (l *linter) template(m manifest) {
	if len(m.Spec.Metrics) == 0 {
		l.fail("", "no-metrics", "it has no metrics")
		return
	}
	name, _ := m.Metadata["name"].(string)
	args := m.own(func(string) string { return standIn })
	seen := map[string]bool{}
	var names []Check
	for _, raw := range m.Spec.Metrics {
		mm, err := l.read(raw, args)
		if err != nil {
			l.fail(mm.Name, "metric", "%s", err)
			continue
		}
		if seen[mm.Name] {
			l.fail(mm.Name, "duplicate", "there are two metrics of this name")
		}
		seen[mm.Name] = true
		names = append(names, Check{Name: mm.Name, Metric: &Metric{}})
		if err := mm.Validate(); err != nil {
			l.fail(mm.Name, "refused", "Argo Rollouts refuses it: %s", err)
		}
		if mm.Provider.Prometheus != nil {
			l.query(mm.Name, mm.Provider.Prometheus.Query)
		}
		if mm.measuresNumbers() {
			l.condition(mm)
			l.scrapes(mm)
		}
		l.ends(name, mm)
	}
	if err := m.dryRun(names); err != nil {
		l.fail("", "dry-run", "%s", err)
	}
}

// read reads a metric with values for all of its arguments.
func (l *linter) read(raw []byte, args map[string]string) (metricManifest, error) {
	filled, err := fill(raw, args)
	if err != nil {
		return metricManifest{}, err
	}
	mm, err := decodeMetric(filled)
	var written struct{ Interval, InitialDelay string }
	_ = json.Unmarshal(raw, &written) // what is wrong with it was found just now
	// A stand-in is no duration. One as short as the scrapes and no delay are never found fault with.
	if mm.Interval == standIn && written.Interval != standIn {
		mm.Interval = l.scrape.String()
	}
	if mm.InitialDelay == standIn && written.InitialDelay != standIn {
		mm.InitialDelay = ""
	}
	return mm, err
}

// measuresNumbers reports whether conditions see numbers: some providers give
// whatever JSON there is, and some need no condition.
func (mm metricManifest) measuresNumbers() bool {
	p := mm.Provider
	return !slices.ContainsFunc([]json.RawMessage{p.Kayenta, p.Web, p.NewRelic, p.Job, p.CloudWatch, p.Influxdb, p.Skywalking, p.Plugin},
		func(other json.RawMessage) bool { return other != nil })
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
func (l *linter) condition(m metricManifest) {
	success, failure := m.SuccessCondition, m.FailureCondition
	if success+failure == "" {
		l.warn(m.Name, "no-condition", "without a condition every value that can be read is a success")
		return
	}
	if _, err := judge.Compile(success, failure); err != nil {
		l.fail(m.Name, "compile", "%s", err)
		return
	}
	try := func(v any) judge.Outcome { o, _ := judge.Evaluate(success, failure, v); return o }
	// A condition may be meant for scalars or for vectors; the other is an error to it.
	nan := []any{[]float64{math.NaN()}, math.NaN()}
	for _, v := range nan {
		if try(v) == judge.Successful && !judge.Calls("isNaN", success, failure) {
			l.warn(m.Name, "nan-passes", "NaN, as a division by nothing gives, is a success: say what it means with isNaN, or use a success condition such as result[0] < 0.05")
			break
		}
	}
	if try([]float64{}) == judge.Successful {
		l.warn(m.Name, "no-data-passes", "an answer without data is a success: add len(result) > 0 &&")
	}
	if judge.Calls("isNil", success, failure) || judge.Calls("default", success, failure) {
		l.warn(m.Name, "never-nil", "an answer without data is an empty list and not nil: isNil and default do not see it, len(result) == 0 does")
	}
	if judge.InRange(success, failure) {
		l.warn(m.Name, "whole-numbers", "a range such as 0..1 holds whole numbers alone, 0.5 is not in it: compare with both ends")
	}
	works := func(values ...any) bool {
		return slices.ContainsFunc(values, func(v any) bool { return try(v) != judge.Error })
	}
	query := ""
	if m.Provider.Prometheus != nil {
		query = m.Provider.Prometheus.Query
	}
	switch {
	case works([]float64{0}, []float64{1}, []float64{0.5, 0.5}, []float64{100}):
	case !works(0.0, 1.0):
		l.fail(m.Name, "always-error", "every value that was tried is an error under it")
	case !strings.Contains(query, "scalar("):
		l.warn(m.Name, "scalar-only", "it is an error for every vector, and nearly all queries give one: write result[0], or make the query scalar(…)")
	}
}
