package same

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	analysisutil "github.com/argoproj/argo-rollouts/utils/analysis"
)

// TestMeasure_OfRandomSequences plays the controller: it counts a measurement as
// runMeasurements does, and asks assessMetricStatus.
func TestMeasure_OfRandomSequences(t *testing.T) {
	r := random(2)
	type answer struct {
		Phases         []string
		Final, Stopped string
		Invalid, Error string
	}
	var asked []any
	var want []answer
	ends := map[string]int{}
	for range questions {
		metric := randomMetric(r)
		text, err := json.Marshal(metric)
		if err != nil {
			t.Fatal(err)
		}
		var typed v1alpha1.Metric
		if err := json.Unmarshal(text, &typed); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		typed.Provider.Prometheus = &v1alpha1.PrometheusMetric{}
		letters := make([]byte, r.IntN(14))
		for i := range letters {
			letters[i] = pick(r, []byte("SSSSFIEE")...)
		}
		a := answer{Phases: []string{}}
		if err := analysisutil.ValidateMetric(typed); err != nil {
			a.Invalid = err.Error()
		}
		var result v1alpha1.MetricResult
		for _, letter := range letters {
			count(&result, letter)
			result.Phase = assessMetricStatus(typed, result, false)
			a.Phases = append(a.Phases, string(result.Phase))
		}
		a.Final = string(assessMetricStatus(typed, result, false))
		a.Stopped = string(assessMetricStatus(typed, result, true))
		asked = append(asked, object{"metric": metric, "sequence": string(letters)})
		want = append(want, a)
		ends[a.Final]++
	}
	found := 0
	for i, a := range ask[answer](t, "measure", asked) {
		got, _ := json.Marshal(a)
		if should, _ := json.Marshal(want[i]); string(got) != string(should) {
			differ(t, &found, asked[i], "%s, Argo has %s", got, should)
		}
	}
	t.Logf("%d sequences, %d differences; they end as %v", len(asked), found, ends)
	if len(ends) < 6 {
		t.Errorf("the questions are too much alike: %v", ends)
	}
}

// count takes a measurement in as the controller does. A metric that is at its
// end is not measured any more.
func count(result *v1alpha1.MetricResult, letter byte) {
	if result.Phase.Completed() {
		return
	}
	m := v1alpha1.Measurement{}
	switch letter {
	case 'S':
		m.Phase = v1alpha1.AnalysisPhaseSuccessful
		result.Successful++
		result.ConsecutiveSuccess++
	case 'F':
		m.Phase = v1alpha1.AnalysisPhaseFailed
		result.Failed++
	case 'I':
		m.Phase = v1alpha1.AnalysisPhaseInconclusive
		result.Inconclusive++
	case 'E':
		m.Phase = v1alpha1.AnalysisPhaseError
		result.Error++
		result.ConsecutiveError++
	}
	if letter != 'E' {
		result.Count++
		result.ConsecutiveError = 0
	}
	if letter != 'S' {
		result.ConsecutiveSuccess = 0
	}
	result.Measurements = append(result.Measurements, m)
}

func randomMetric(r *rand.Rand) object {
	m := object{"name": "m"}
	limits := map[string][]any{
		"count":                   {0, 1, 2, 3, 5, "3", "x", -1},
		"interval":                {"10s", "1m", "", "1", "bad"},
		"initialDelay":            {"1s", "never"},
		"failureLimit":            {-1, 0, 1, 2, "1", -2},
		"inconclusiveLimit":       {0, 1, 2, "2", -1},
		"consecutiveErrorLimit":   {0, 1, 2, 5, -1},
		"consecutiveSuccessLimit": {0, 1, 2, 3, "2", -1},
	}
	for _, key := range slices.Sorted(maps.Keys(limits)) { // in one order, or the seed means nothing
		if v := maybe(r, pick(r, limits[key]...)); v != nil && !(key == "initialDelay" && r.IntN(4) > 0) {
			m[key] = *v
		}
	}
	return m
}
