package judge

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Pending and Running are the phases of a metric that is not at its end. The
// others are those of a measurement: see [Outcome].
const (
	Pending Outcome = "Pending"
	Running Outcome = "Running"
)

// Complete reports whether a metric in this phase is at its end.
func (o Outcome) Complete() bool {
	switch o {
	case Successful, Failed, Error, Inconclusive:
		return true
	}
	return false
}

// Number is a number that a manifest may also write as text; text that is no
// number counts as 0, as in Kubernetes (intstr.IntOrString).
type Number int

// UnmarshalJSON reads either form.
func (n *Number) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		if strings.Contains(s, "{{") {
			return fmt.Errorf("%s is an argument whose value is not known", s)
		}
		i, _ := strconv.Atoi(s)
		*n = Number(i)
		return nil
	}
	var i int32
	if err := json.Unmarshal(b, &i); err != nil {
		return fmt.Errorf("%s is not a whole number", b)
	}
	*n = Number(i)
	return nil
}

// Metric is as much of a metric in an AnalysisTemplate as decides how its
// measurements are judged. A limit that is nil has Argo's default.
type Metric struct {
	Name                    string  `json:"name"`
	Interval                string  `json:"interval,omitempty"`
	InitialDelay            string  `json:"initialDelay,omitempty"`
	Count                   *Number `json:"count,omitempty"`
	SuccessCondition        string  `json:"successCondition,omitempty"`
	FailureCondition        string  `json:"failureCondition,omitempty"`
	FailureLimit            *Number `json:"failureLimit,omitempty"`            // 0; -1 is none
	InconclusiveLimit       *Number `json:"inconclusiveLimit,omitempty"`       // 0
	ConsecutiveErrorLimit   *Number `json:"consecutiveErrorLimit,omitempty"`   // 4
	ConsecutiveSuccessLimit *Number `json:"consecutiveSuccessLimit,omitempty"` // 0 is none
}

// argoErrorLimit is Argo's default for consecutiveErrorLimit.
const argoErrorLimit = 4

func (n *Number) or(otherwise int) int {
	if n == nil {
		return otherwise
	}
	return int(*n)
}

// Wanted is how many measurements the metric asks for: one without a count, or,
// with an interval, 0 for as many as there is time for.
func (m Metric) Wanted() int {
	if n := m.Count.or(0); n != 0 {
		return n
	}
	if m.Interval == "" {
		return 1
	}
	return 0
}

// Validate refuses what Argo refuses (utils/analysis ValidateMetric), the
// provider excepted, which is another's business.
func (m Metric) Validate() error {
	count, failures, inconclusive, successes := m.Count.or(0), m.FailureLimit.or(0), m.InconclusiveLimit.or(0), m.ConsecutiveSuccessLimit.or(0)
	switch {
	case successes < 0:
		return fmt.Errorf("consecutiveSuccessLimit must be >= 0")
	case failures < -1:
		return fmt.Errorf("failureLimit must be >= 0, or -1 to be disabled")
	case successes == 0 && failures == -1:
		return fmt.Errorf("failureLimit and consecutiveSuccessLimit cannot both be disabled")
	case inconclusive < 0:
		return fmt.Errorf("inconclusiveLimit must be >= 0")
	case m.ConsecutiveErrorLimit.or(argoErrorLimit) < 0:
		return fmt.Errorf("consecutiveErrorLimit must be >= 0")
	case count > 0 && failures >= 0 && count < failures+successes:
		return fmt.Errorf("count (%d) must be >= failureLimit + consecutiveSuccessLimit (%d + %d) if both >= 0", count, failures, successes)
	case count > 0 && failures < 0 && count < successes:
		return fmt.Errorf("count must be >= consecutiveSuccessLimit")
	case count > 0 && count < inconclusive:
		return fmt.Errorf("count must be >= inconclusiveLimit")
	case count > 1 && m.Interval == "":
		return fmt.Errorf("interval must be specified when count > 1")
	}
	for _, d := range []struct{ name, text string }{{"interval", m.Interval}, {"startDelay", m.InitialDelay}} {
		if d.text == "" {
			continue
		}
		if _, err := time.ParseDuration(d.text); err != nil {
			return fmt.Errorf("invalid %s string: %w", d.name, err)
		}
	}
	return nil
}

// Course is what became of a metric so far. The zero value has not begun.
type Course struct {
	Phase        Outcome
	Successful   int // measurements by how they ended
	Failed       int
	Inconclusive int
	Errors       int // do not count towards [Metric.Wanted]

	errorsInRow, successesInRow int
	measured                    bool
}

// Add takes a measurement in and assesses the metric anew. A metric at its end
// stays as it is. NoData counts as an error: Argo cannot evaluate such a result.
func (c *Course) Add(m Metric, o Outcome) {
	if c.Phase.Complete() {
		return
	}
	c.measured = true
	switch o {
	case Successful:
		c.Successful++
		c.successesInRow++
		c.errorsInRow = 0
	case Failed:
		c.Failed++
		c.successesInRow, c.errorsInRow = 0, 0
	case Inconclusive:
		c.Inconclusive++
		c.successesInRow, c.errorsInRow = 0, 0
	default:
		c.Errors++
		c.errorsInRow++
		c.successesInRow = 0
	}
	c.Phase, _ = c.Assess(m, false)
}

// Assess is the metric's phase by Argo's assessMetricStatus, and for a limit
// that was passed the half sentence that Argo says of it. Stopped is whether the
// run is told to end, which makes what is undecided Successful.
func (c Course) Assess(m Metric, stopped bool) (Outcome, string) {
	if c.Phase.Complete() {
		return c.Phase, ""
	}
	if !c.measured {
		if stopped {
			return Successful, ""
		}
		return Pending, ""
	}
	phase, why := c.beyond(m)
	if phase != "" {
		return phase, why
	}
	successes := m.ConsecutiveSuccessLimit.or(0)
	if successes > 0 && c.successesInRow >= successes {
		return Successful, ""
	}
	if wanted := m.Wanted(); wanted != 0 && c.Successful+c.Failed+c.Inconclusive >= wanted {
		switch {
		case successes <= 0:
			return Successful, ""
		case m.FailureLimit.or(0) >= 0:
			return Inconclusive, ""
		}
		return Failed, ""
	}
	if stopped {
		return Successful, ""
	}
	return Running, ""
}

// beyond finds the limit that was passed; of several the last one decides.
func (c Course) beyond(m Metric) (phase Outcome, why string) {
	if limit := m.FailureLimit.or(0); limit >= 0 && c.Failed > limit {
		phase, why = Failed, fmt.Sprintf("failed (%d) > failureLimit (%d)", c.Failed, limit)
	}
	if limit := m.InconclusiveLimit.or(0); c.Inconclusive > limit {
		phase, why = Inconclusive, fmt.Sprintf("inconclusive (%d) > inconclusiveLimit (%d)", c.Inconclusive, limit)
	}
	if limit := m.ConsecutiveErrorLimit.or(argoErrorLimit); c.errorsInRow > limit {
		phase, why = Error, fmt.Sprintf("consecutiveErrors (%d) > consecutiveErrorLimit (%d)", c.errorsInRow, limit)
	}
	return phase, why
}

// Enough reports whether something good was really measured: a metric that was
// stopped before its first measurement reads Successful too.
func (c Course) Enough(m Metric) bool {
	if limit := m.ConsecutiveSuccessLimit.or(0); limit > 0 && c.successesInRow >= limit {
		return true // a count that is not reached then is none that was asked for
	}
	return c.Successful > 0 && c.Successful+c.Failed+c.Inconclusive >= m.Wanted()
}
