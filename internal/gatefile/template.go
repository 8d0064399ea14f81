package gatefile

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/buenhyden/hy-home/internal/judge"
)

// Template names a file with an AnalysisTemplate or ClusterAnalysisTemplate.
type Template struct {
	File string            `json:"file"`
	Args map[string]string `json:"args,omitempty"` // may hold {{pod-hash}} and the like
}

// Metric is a metric of a template that Prometheus answers.
type Metric struct {
	judge.Metric
	Address string
	Headers map[string]string
	Range   *Range
	DryRun  bool
}

// Range is a range query: start and end are expressions such as now() - duration("5m").
type Range struct {
	Start string `json:"start"`
	End   string `json:"end"`
	Step  string `json:"step"`
}

// manifest is as much of a template as is read.
type manifest struct {
	Kind     string
	Metadata struct{ Name string }
	Spec     struct {
		Args []struct {
			Name      string
			Value     *string
			ValueFrom map[string]any
		}
		Metrics []json.RawMessage
		DryRun  []struct{ MetricName string }
	}
}

type metricManifest struct {
	judge.Metric
	Provider struct {
		Prometheus *struct {
			Address, Query string
			Headers        []struct{ Key, Value string }
			RangeQuery     *Range
		}
	}
}

// Add reads the template in text and appends a check for each of its metrics.
// Limits and conditions are kept as they are; what another provider measures is
// refused, since it would silently be left out of the verdict.
func (f *File) Add(t Template, text []byte) error {
	var m manifest
	if err := yaml.Unmarshal(text, &m); err != nil {
		return fmt.Errorf("template %s: %w", t.File, err)
	}
	if m.Kind != "AnalysisTemplate" && m.Kind != "ClusterAnalysisTemplate" {
		return fmt.Errorf("template %s is a %q: it must be an AnalysisTemplate or a ClusterAnalysisTemplate", t.File, m.Kind)
	}
	args := map[string]string{}
	for _, a := range m.Spec.Args {
		if a.Value != nil {
			args[a.Name] = *a.Value
		}
		if v, ok := t.Args[a.Name]; ok {
			args[a.Name] = v
		} else if a.Value == nil {
			return fmt.Errorf("template %s: argument %q has no value: give it by args", t.File, a.Name)
		}
	}
	for _, raw := range m.Spec.Metrics {
		filled, err := fill(raw, args)
		if err != nil {
			return fmt.Errorf("template %s: %w", t.File, err)
		}
		var mm metricManifest
		if err := json.Unmarshal(filled, &mm); err != nil {
			return fmt.Errorf("template %s: %w", t.File, err)
		}
		p := mm.Provider.Prometheus
		if p == nil {
			return fmt.Errorf("template %s: metric %q is not measured by Prometheus, so the gate cannot measure it", t.File, mm.Name)
		}
		if err := mm.Validate(); err != nil {
			return fmt.Errorf("template %s: metric %q: %w", t.File, mm.Name, err)
		}
		c := Check{Name: mm.Name, Group: m.Metadata.Name, Query: p.Query, Condition: mm.SuccessCondition, FailureCondition: mm.FailureCondition,
			Metric: &Metric{Metric: mm.Metric, Address: p.Address, Range: p.RangeQuery}}
		c.defaults()
		if d, err := time.ParseDuration(mm.Interval); err == nil && d > 0 {
			c.Interval = Duration(d)
		}
		for _, h := range p.Headers {
			if c.Metric.Headers == nil {
				c.Metric.Headers = map[string]string{}
			}
			c.Metric.Headers[h.Key] = h.Value
		}
		for _, d := range m.Spec.DryRun { // a regular expression, and a rule that fits nothing is an error to Argo
			if ok, err := regexp.MatchString(d.MetricName, mm.Name); err != nil {
				return fmt.Errorf("template %s: dryRun %q: %w", t.File, d.MetricName, err)
			} else if ok {
				c.Metric.DryRun = true
			}
		}
		f.Checks = append(f.Checks, c)
	}
	return nil
}

var argument = regexp.MustCompile(`\{\{\s*args\.([^{}\s]+)\s*\}\}`)

// fill puts the arguments into a metric's JSON, escaped for the strings that they
// stand in.
func fill(raw []byte, args map[string]string) ([]byte, error) {
	var fault error
	out := argument.ReplaceAllFunc(raw, func(match []byte) []byte {
		name := string(argument.FindSubmatch(match)[1])
		value, ok := args[name]
		if !ok {
			fault = fmt.Errorf("{{args.%s}} is no argument of the template", name)
		}
		text, _ := json.Marshal(value)
		return []byte(strings.Trim(string(text), `"`))
	})
	return out, fault
}
