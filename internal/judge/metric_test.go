package judge

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// TestFollow_EachRule has what Argo makes of sequences of measurements, rule by
// rule. A test module beside the controller's sources asks it thousands more.
func TestFollow_EachRule(t *testing.T) {
	for _, c := range []struct{ name, metric, sequence, phases, stopped string }{
		{"nothing measured", `{"interval": "1s"}`, "", "Pending", "Successful"},
		{"without count and interval one is enough", `{}`, "S", "Successful", "Successful"},
		{"with an interval alone there is no end", `{"interval": "1s"}`, "SSSS", "Running Running Running Running", "Successful"},
		{"a count is an end", `{"interval": "1s", "count": 2}`, "SS", "Running Successful", "Successful"},
		{"a count as text", `{"interval": "1s", "count": "2"}`, "SS", "Running Successful", "Successful"},
		{"no failure is allowed", `{"interval": "1s", "count": 3}`, "SF", "Running Failed", "Failed"},
		{"as many as the limit are", `{"interval": "1s", "count": 3, "failureLimit": 1}`, "FSS", "Running Running Successful", "Successful"},
		{"the limit can be off", `{"interval": "1s", "count": 3, "failureLimit": -1, "consecutiveSuccessLimit": 2}`, "FFF", "Running Running Failed", "Failed"},
		{"no inconclusive one is allowed", `{"interval": "1s", "count": 3}`, "I", "Inconclusive", "Inconclusive"},
		{"unless the limit says so", `{"interval": "1s", "count": 3, "inconclusiveLimit": 1}`, "ISS", "Running Running Successful", "Successful"},
		{"four errors in a row are", `{"interval": "1s"}`, "EEEE", "Running Running Running Running", "Successful"},
		{"a fifth is its end", `{"interval": "1s"}`, "EEEEE", "Running Running Running Running Error", "Error"},
		{"anything else begins the row anew", `{"interval": "1s", "failureLimit": 1}`, "EEEEFEEEE", "Running Running Running Running Running Running Running Running Running", "Successful"},
		{"errors do not count", `{"interval": "1s", "count": 3}`, "ESESES", "Running Running Running Running Running Successful", "Successful"},
		{"good ones in a row are an end", `{"interval": "1s", "consecutiveSuccessLimit": 2, "failureLimit": 1}`, "SFSS", "Running Running Running Successful", "Successful"},
		{"a count that is reached without them is none", `{"interval": "1s", "count": 3, "consecutiveSuccessLimit": 2, "failureLimit": 1}`, "SFS", "Running Running Inconclusive", "Inconclusive"},
		{"of two limits the later decides", `{"interval": "1s", "consecutiveErrorLimit": 0, "failureLimit": 0}`, "E", "Error", "Error"},
		{"what is at its end stays there", `{"interval": "1s", "count": 1}`, "SFE", "Successful Successful Successful", "Successful"},
	} {
		var m Metric
		if err := json.Unmarshal([]byte(c.metric), &m); err != nil {
			t.Fatal(err)
		}
		got, err := Follow(m, c.sequence)
		if err != nil {
			t.Fatal(err)
		}
		want := strings.Fields(c.phases)
		var phases []string
		for _, p := range got.Phases {
			phases = append(phases, string(p))
		}
		if c.sequence == "" {
			phases = append(phases, string(got.Final))
		}
		if !slices.Equal(phases, want) || string(got.Stopped) != c.stopped || string(got.Final) != want[len(want)-1] {
			t.Errorf("%s: %+v, want %s, stopped %s", c.name, got, c.phases, c.stopped)
		}
	}
}

func TestValidate_AsArgo(t *testing.T) {
	for metric, want := range map[string]string{
		`{}`:                                                     "",
		`{"count": 3}`:                                           "interval must be specified when count > 1",
		`{"count": 1, "interval": "soon"}`:                       "invalid interval string",
		`{"initialDelay": "later"}`:                              "invalid startDelay string",
		`{"failureLimit": -2}`:                                   "failureLimit must be >= 0, or -1",
		`{"failureLimit": -1}`:                                   "cannot both be disabled",
		`{"inconclusiveLimit": -1}`:                              "inconclusiveLimit must be >= 0",
		`{"consecutiveErrorLimit": -1}`:                          "consecutiveErrorLimit must be >= 0",
		`{"consecutiveSuccessLimit": -1}`:                        "consecutiveSuccessLimit must be >= 0",
		`{"count": 2, "interval": "1s", "failureLimit": 3}`:      "count (2) must be >= failureLimit + consecutiveSuccessLimit (3 + 0)",
		`{"count": 2, "interval": "1s", "inconclusiveLimit": 3}`: "count must be >= inconclusiveLimit",
		`{"count": 2, "interval": "1s", "consecutiveSuccessLimit": 3, "failureLimit": -1}`: "count must be >= consecutiveSuccessLimit",
	} {
		var m Metric
		if err := json.Unmarshal([]byte(metric), &m); err != nil {
			t.Fatal(err)
		}
		err := m.Validate()
		if (err == nil) != (want == "") || (err != nil && !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", metric, err, want)
		}
	}
	for _, count := range []string{`{"count": 1.5}`, `{"count": true}`, `{"count": 3000000000}`, `{"count": "{{args.count}}"}`} {
		var m Metric
		if err := json.Unmarshal([]byte(count), &m); err == nil {
			t.Errorf("%s: %+v", count, m)
		}
	}
}
