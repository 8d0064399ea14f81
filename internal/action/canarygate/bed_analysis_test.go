package canarygate

import (
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/rollout"
)

// TestBed_RequiredAnalysis has Argo measure in the background, which it ends only
// after the Rollout, and calls Successful also where nothing was measured.
func TestBed_RequiredAnalysis(t *testing.T) {
	s := openShop(t)
	s.errors(t, 0.01)
	const background = `[{setWeight: 25}, {pause: {duration: 4s}}], analysis: {templates: [{templateName: error-ratio}]}`
	endless := strings.Replace(analysed, "    count: 2\n", "", 1)
	delayed := strings.Replace(endless, "interval: 1s\n", "interval: 1s\n    initialDelay: 10m\n", 1)
	if endless == analysed || delayed == endless {
		t.Fatal("the manifest has no count or interval to change")
	}
	for _, c := range []struct {
		tag, manifest string
		verdict       Verdict
		message       string
	}{
		{"v1", endless, Inconclusive, "no AnalysisRun of this revision has a good measurement"}, // a first deployment is not analysed
		{"v2", endless, Passed, "measurements are good"},
		{"v3", delayed, Inconclusive, "no AnalysisRun of this revision has a good measurement"},
	} {
		o := s.gate(c.tag)
		o.RequireAnalysis = true
		verdict := start(t, o)
		s.release(t, c.manifest, background, c.tag, "")
		r := <-verdict
		if r.Verdict != c.verdict || !strings.Contains(r.Message, c.message) || (c.verdict != Passed && r.Reason != ReasonNoEvidence) {
			t.Errorf("%s: %s %s: %s %+v", c.tag, r.Verdict, r.Reason, r.Message, r.Runs)
		}
		t.Logf("%s: %s %d ms after the Rollout's end, %d requests: %s; %+v", c.tag, r.Verdict, r.End.Sub(r.Settled).Milliseconds(), r.APICalls, r.Message, r.Runs)
		s.settle(t, rollout.Healthy)
	}
}
