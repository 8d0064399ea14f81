package gatefile

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/buenhyden/hy-home/internal/decode"
	"github.com/buenhyden/hy-home/internal/judge"
)

// decodeMetric reads a metric, and refuses what Argo does not know.
func decodeMetric(text []byte) (mm metricManifest, err error) {
	strict := json.NewDecoder(bytes.NewReader(text))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&mm); err != nil {
		return mm, decode.Plain(err)
	}
	return mm, nil
}

// FindMetric reads a metric, alone or out of an AnalysisTemplate or AnalysisRun
// with its arguments' own values filled in; a name is needed where there are several.
func FindMetric(text []byte, name string) (judge.Metric, error) {
	var m manifest
	if !bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		return judge.Metric{}, fmt.Errorf("it is no metric, which is an object")
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return judge.Metric{}, fmt.Errorf("it is no metric: %w", decode.Plain(err))
	}
	if m.Kind == "" && m.Spec.Metrics == nil {
		mm, err := decodeMetric(text)
		return mm.Metric, err
	}
	args := m.own(func(name string) string { return "{{args." + name + "}}" })
	for _, raw := range m.Spec.Metrics {
		filled, err := fill(raw, args)
		if err != nil {
			return judge.Metric{}, err
		}
		if mm, err := decodeMetric(filled); (len(m.Spec.Metrics) == 1 && name == "") || mm.Name == name {
			return mm.Metric, err
		}
	}
	return judge.Metric{}, fmt.Errorf("it has %d metrics, none of them is %q: name one", len(m.Spec.Metrics), name)
}
