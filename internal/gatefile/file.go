// Package gatefile reads what a release is to be judged by: a gate file of the
// user's repository (.github/canary-gate.yaml), and Argo Rollouts'
// AnalysisTemplates as they are. The package is pure.
//
// A gate file is described by schema.json beside this file, for editors.
package gatefile

import (
	"fmt"
	"strings"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/buenhyden/hy-home/internal/decode"
)

// File is a gate file.
type File struct {
	Prometheus string     `json:"prometheus,omitempty"` // URL or service:namespace/name:port; the input of the same name wins
	Pass       *float64   `json:"pass,omitempty"`       // score that passes; 100
	Marginal   *float64   `json:"marginal,omitempty"`   // score from which it is inconclusive, not failed; that of pass
	Checks     []Check    `json:"checks,omitempty"`
	Templates  []Template `json:"templates,omitempty"`
}

// Check is one thing to measure. It is a threshold with a condition, a
// comparison with the baseline, or an error budget: exactly one of the three.
type Check struct {
	Name             string   `json:"name"`
	Group            string   `json:"group,omitempty"` // scores are shown for each
	Query            string   `json:"query,omitempty"` // of a threshold or a comparison
	Condition        string   `json:"condition,omitempty"`
	FailureCondition string   `json:"failure-condition,omitempty"`
	Compare          *Compare `json:"compare,omitempty"`
	Budget           *Budget  `json:"budget,omitempty"`
	Interval         Duration `json:"interval,omitempty"`      // between measurements; 10s
	MinSamples       int      `json:"min-samples,omitempty"`   // good measurements that a pass needs: 3; values on each side of a comparison: 20
	FailureLimit     int      `json:"failure-limit,omitempty"` // measurements that may fail; 0
	OnNoData         Policy   `json:"on-no-data,omitempty"`    // undecided
	OnError          Policy   `json:"on-error,omitempty"`      // undecided
	Weight           *float64 `json:"weight,omitempty"`        // in the score; 1
	Critical         *bool    `json:"critical,omitempty"`      // its failure fails all, whatever the score; true

	Metric *Metric `json:"-"` // of an AnalysisTemplate, in place of the three
}

// Compare asks for the query's values of canary and baseline over one window.
type Compare struct {
	Direction  string   `json:"direction"`            // what is bad: increase, decrease or either
	Tolerance  *float64 `json:"tolerance,omitempty"`  // share of the baseline's median; 0.25
	Confidence float64  `json:"confidence,omitempty"` // 0.98
	Step       Duration `json:"step,omitempty"`       // between values; 10s
	WarmUp     Duration `json:"warm-up,omitempty"`    // left out at the canary's start; 30s
}

// Budget refuses a release while the error budget burns too fast in a long and a
// short window at once (Google's SRE workbook, alerting on SLOs).
type Budget struct {
	Objective float64  `json:"objective"` // in percent: 99.9
	Errors    string   `json:"errors"`    // query of the share of errors, with {{window}}
	Windows   []Window `json:"windows,omitempty"`
}

// Window is a pair of windows with the burn rate that neither may exceed alone.
type Window struct {
	Long  string  `json:"long"`
	Short string  `json:"short"`
	Burn  float64 `json:"burn"`
}

// workbook is the pair that pages in the SRE workbook: 2 % of a 30 day budget in
// an hour, 5 % in six.
var workbook = []Window{{"1h", "5m", 14.4}, {"6h", "30m", 6}}

// Policy is what a check without an answer counts as.
type Policy string

// The policies. None suits all: for one release no traffic is fine, for another
// it is the fault that is looked for.
const (
	Undecided Policy = "undecided"
	Fail      Policy = "fail"
	Pass      Policy = "pass"
)

// Duration is a duration in Go syntax.
type Duration time.Duration

// UnmarshalJSON reads "90s".
func (d *Duration) UnmarshalJSON(b []byte) error {
	v, err := time.ParseDuration(strings.Trim(string(b), `"`))
	if err != nil || v <= 0 {
		return fmt.Errorf("%s is not a duration such as 90s", b)
	}
	*d = Duration(v)
	return nil
}

// Parse reads a gate file, fills in the defaults and checks it as a whole.
// Templates are not read: see [File.Add].
func Parse(text []byte) (File, error) {
	var f File
	if err := yaml.UnmarshalStrict(text, &f); err != nil {
		return File{}, decode.Plain(err)
	}
	hundred := 100.0
	if f.Pass == nil {
		f.Pass = &hundred
	}
	if f.Marginal == nil {
		f.Marginal = f.Pass
	}
	if *f.Marginal < 0 || *f.Marginal > *f.Pass || *f.Pass > 100 {
		return File{}, fmt.Errorf("pass is %g and marginal is %g: they must be 0 <= marginal <= pass <= 100", *f.Pass, *f.Marginal)
	}
	if len(f.Checks) == 0 && len(f.Templates) == 0 {
		return File{}, fmt.Errorf("it has neither checks nor templates, so there is nothing to judge by")
	}
	seen := map[string]bool{}
	for i := range f.Checks {
		c := &f.Checks[i]
		if c.Name == "" {
			return File{}, fmt.Errorf("checks[%d] has no name", i)
		}
		if seen[c.Name] {
			return File{}, fmt.Errorf("there are two checks called %q", c.Name)
		}
		seen[c.Name] = true
		if err := c.complete(); err != nil {
			return File{}, fmt.Errorf("check %q: %w", c.Name, err)
		}
	}
	return f, nil
}
