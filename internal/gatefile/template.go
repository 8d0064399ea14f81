package gatefile

import (
	"encoding/json"
	"fmt"
	"regexp"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/buenhyden/hy-home/internal/decode"
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
	Address  string
	Headers  map[string]string
	OAuth2   *OAuth2
	Insecure bool
	Timeout  time.Duration // of one query; 30s, as Argo has it
	Delay    time.Duration // before the first measurement
	Range    *Range
	DryRun   bool
}

// OAuth2 are the client credentials with which a token for the queries is fetched.
type OAuth2 struct {
	TokenURL     string   `json:"tokenUrl"`
	ClientID     string   `json:"clientId"`
	ClientSecret string   `json:"clientSecret"`
	Scopes       []string `json:"scopes"`
}

// Range is a range query: start and end are expressions such as now() - duration("5m").
type Range struct {
	Start string `json:"start"`
	End   string `json:"end"`
	Step  string `json:"step"`
}

// manifest is a template. Its types name every field that Argo Rollouts v1.10
// knows, also those that are refused: what they do not name is an error, so no
// field is left out in silence.
type manifest struct {
	APIVersion string
	Kind       string
	Metadata   map[string]any
	Spec       struct {
		Args []struct {
			Name      string
			Value     *string
			ValueFrom *valueFrom
		}
		Metrics              []json.RawMessage
		DryRun               []struct{ MetricName string }
		MeasurementRetention []struct { // of what is kept in the cluster; the gate keeps all
			MetricName string
			Limit      int
		}
		Templates []struct {
			TemplateName string
			ClusterScope *bool
		}
	}
	Status json.RawMessage
}

type valueFrom struct {
	SecretKeyRef *struct{ Name, Key string }
	FieldRef     *struct{ FieldPath string }
}

type metricManifest struct {
	judge.Metric
	Provider struct {
		Prometheus *prometheusManifest

		Kayenta, Web, Datadog, Wavefront, NewRelic, Job, CloudWatch, Graphite, Influxdb, Skywalking, Plugin json.RawMessage
	}
}

type prometheusManifest struct {
	Address, Query string
	Authentication struct {
		Sigv4  struct{ Region, Profile, RoleARN string }
		OAuth2 OAuth2
	}
	Timeout    *int64 // seconds
	Insecure   bool
	Headers    []struct{ Key, Value string }
	RangeQuery *Range
}

// Add reads the template in text and appends a check for each of its metrics.
// Limits and conditions are kept as they are; what cannot be measured as the
// controller would is refused, since it would silently be left out of the verdict.
func (f *File) Add(t Template, text []byte) error {
	checks, err := t.checks(text)
	if err != nil {
		return fmt.Errorf("template %s: %w", t.File, err)
	}
	f.Checks = append(f.Checks, checks...)
	return nil
}

func (t Template) checks(text []byte) ([]Check, error) {
	if n := len(Documents(t.File, text)); n > 1 { // only the first would be measured
		return nil, fmt.Errorf("it holds %d documents: give each template a file of its own", n)
	}
	var m manifest
	if err := yaml.UnmarshalStrict(text, &m); err != nil {
		return nil, decode.Plain(err)
	}
	if m.Kind != "AnalysisTemplate" && m.Kind != "ClusterAnalysisTemplate" {
		return nil, fmt.Errorf("it is a %q: it must be an AnalysisTemplate or a ClusterAnalysisTemplate", m.Kind)
	}
	for _, other := range m.Spec.Templates {
		return nil, fmt.Errorf("it takes metrics from the template %s: name that one's file in the gate file as well, and take it out here", other.TemplateName)
	}
	args, err := m.args(t.Args)
	if err != nil {
		return nil, err
	}
	group, _ := m.Metadata["name"].(string)
	var out []Check
	for _, raw := range m.Spec.Metrics {
		filled, err := fill(raw, args)
		if err != nil {
			return nil, err
		}
		c, err := newCheck(filled)
		if err != nil {
			return nil, err
		}
		c.Group = group
		out = append(out, c)
	}
	return out, m.dryRun(out)
}

// newCheck makes a check of a metric.
func newCheck(text []byte) (Check, error) {
	mm, err := decodeMetric(text)
	if err != nil {
		return Check{}, fmt.Errorf("metric %q: %w", mm.Name, err)
	}
	m, err := mm.metric()
	if err != nil {
		return Check{}, fmt.Errorf("metric %q: %w", mm.Name, err)
	}
	c := Check{Name: mm.Name, Query: mm.Provider.Prometheus.Query, Condition: mm.SuccessCondition, FailureCondition: mm.FailureCondition, Metric: m}
	c.defaults()
	if d, err := time.ParseDuration(mm.Interval); err == nil && d > 0 {
		c.Interval = Duration(d)
	}
	return c, nil
}

// metric checks what the metric asks for.
func (mm metricManifest) metric() (*Metric, error) {
	p := mm.Provider.Prometheus
	if p == nil {
		return nil, fmt.Errorf("it is not measured by Prometheus, so the gate cannot measure it")
	}
	if err := mm.Validate(); err != nil {
		return nil, err
	}
	m := &Metric{Metric: mm.Metric, Address: p.Address, Insecure: p.Insecure, Timeout: 30 * time.Second, Range: p.RangeQuery}
	if p.Timeout != nil {
		if m.Timeout = time.Duration(*p.Timeout) * time.Second; m.Timeout <= 0 {
			return nil, fmt.Errorf("a timeout of %d s ends each query before its answer", *p.Timeout)
		}
	}
	m.Delay, _ = time.ParseDuration(mm.InitialDelay) // Validate has read it
	for _, h := range p.Headers {
		if m.Headers == nil {
			m.Headers = map[string]string{}
		}
		m.Headers[h.Key] = h.Value
	}
	auth := p.Authentication
	if auth.Sigv4 != (struct{ Region, Profile, RoleARN string }{}) {
		return nil, fmt.Errorf("it signs its queries for Amazon (sigv4), which the gate does not: run AWS' sigv4-proxy beside the gate and name its address by input prometheus")
	}
	if o := auth.OAuth2; o.TokenURL+o.ClientID+o.ClientSecret != "" {
		if o.TokenURL == "" || o.ClientID == "" || o.ClientSecret == "" {
			return nil, fmt.Errorf("oauth2 needs tokenUrl, clientId and clientSecret")
		}
		m.OAuth2 = &o
	}
	return m, mm.placed()
}

// dryRun marks the metrics without a say. The names are regular expressions; one
// that fits nothing is refused, as Argo does.
func (m manifest) dryRun(checks []Check) error {
	for _, d := range m.Spec.DryRun {
		name, err := regexp.Compile(d.MetricName)
		if err != nil {
			return fmt.Errorf("dryRun %q: %w", d.MetricName, err)
		}
		found := false
		for _, c := range checks {
			if name.MatchString(c.Name) {
				c.Metric.DryRun, found = true, true
			}
		}
		if !found {
			return fmt.Errorf("dryRun %q fits none of its metrics", d.MetricName)
		}
	}
	return nil
}
