package judge

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/buenhyden/hy-home/internal/decode"
)

// ParseValue reads a result from JSON as a provider would hand it to a
// condition: a number, the texts "NaN", "+Inf" and "-Inf" where JSON has no
// number for them, or a list of these, which becomes a []float64 that is empty,
// never nil. Any other JSON is what a web metric would give, and stays as it is.
func ParseValue(raw []byte) (any, error) {
	var value any
	if err := json.Unmarshal(raw, &value); err != nil {
		return nil, fmt.Errorf("a result must be JSON, such as 0.5, \"NaN\" or [1, \"+Inf\"]: %w", decode.Plain(err))
	}
	if v, ok := float(value); ok {
		return v, nil
	}
	items, ok := value.([]any)
	if !ok {
		return value, nil
	}
	vector := make([]float64, 0, len(items))
	for _, item := range items {
		v, ok := float(item)
		if !ok {
			return value, nil
		}
		vector = append(vector, v)
	}
	return vector, nil
}

func float(value any) (float64, bool) {
	switch v := value.(type) {
	case float64:
		return v, true
	case string:
		switch v {
		case "NaN":
			return math.NaN(), true
		case "+Inf", "Inf":
			return math.Inf(1), true
		case "-Inf":
			return math.Inf(-1), true
		}
	}
	return 0, false
}

// Sequence is what becomes of a metric with these measurements, one letter each:
// S successful, F failed, I inconclusive, E error.
type Sequence struct {
	Phases   []Outcome `json:"phases"`            // of the metric after each measurement
	Final    Outcome   `json:"final"`             // after the last one
	Stopped  Outcome   `json:"stopped"`           // if the run were told to end now
	Evidence bool      `json:"evidence"`          // something good was measured, as often as asked for
	Message  string    `json:"message,omitempty"` // which limit was passed
	Invalid  string    `json:"invalid,omitempty"` // why Argo would refuse the metric
}

// Follow runs a metric through a sequence of measurements.
func Follow(m Metric, sequence string) (Sequence, error) {
	out := Sequence{Phases: []Outcome{}}
	if err := m.Validate(); err != nil {
		out.Invalid = err.Error()
	}
	letters := map[rune]Outcome{'S': Successful, 'F': Failed, 'I': Inconclusive, 'E': Error}
	var c Course
	for i, r := range sequence {
		o, ok := letters[r]
		if !ok {
			return Sequence{}, fmt.Errorf("measurement %d of the sequence is %q: it must be S, F, I or E", i+1, r)
		}
		before := c.Phase
		if c.Add(m, o); c.Phase != before && c.Phase.Complete() {
			_, out.Message = c.beyond(m)
		}
		out.Phases = append(out.Phases, c.Phase)
	}
	out.Final, _ = c.Assess(m, false)
	out.Stopped, _ = c.Assess(m, true)
	out.Evidence = c.Enough(m)
	return out, nil
}
