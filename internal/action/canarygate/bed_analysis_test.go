package canarygate

import (
	"context"
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/buenhyden/hy-home/internal/rollout"
	"github.com/buenhyden/hy-home/testbed/plain/plaintest"
)

// TestBed_RequiredAnalysis has Argo measure in the background, which it ends only
// after the Rollout, and calls Successful also where nothing was measured.
func TestBed_RequiredAnalysis(t *testing.T) {
	s := openShop(t)
	s.errors(t, 0.01)
	const background = longPause + `, analysis: {templates: [{templateName: error-ratio}]}`
	endless := strings.Replace(analysed, "    count: 2\n", "", 1)
	delayed := strings.Replace(endless, "interval: 1s\n", "interval: 1s\n    initialDelay: 10m\n", 1)
	if endless == analysed || delayed == endless {
		t.Fatal("the manifest has no count or interval to change")
	}
	for _, c := range []struct {
		tag, manifest string
		pauses        func(*testing.T) // returns when it has been looked at for long enough; nil does not pause
		verdict       Verdict
		message       string
	}{
		{"v1", endless, nil, Inconclusive, "no AnalysisRun of this revision has a good measurement"}, // a first deployment is not analysed
		{"v2", endless, s.analysed, Passed, "measurements are good"},
		{"v3", delayed, func(*testing.T) {}, Inconclusive, "has no good measurement that counts"},
	} {
		o := s.gate(c.tag)
		o.RequireAnalysis = true
		verdict := start(t, o)
		s.release(t, c.manifest, background, c.tag, "")
		if c.pauses != nil {
			c.pauses(t)
			s.goOn(t)
		}
		r := <-verdict
		if r.Verdict != c.verdict || !strings.Contains(r.Message, c.message) || (c.verdict != Passed && r.Reason != ReasonNoEvidence) {
			t.Errorf("%s: %s %s: %s %+v", c.tag, r.Verdict, r.Reason, r.Message, r.Runs)
		}
		t.Logf("%s: %s %d ms after the Rollout's end, %d requests: %s; %+v", c.tag, r.Verdict, r.End.Sub(r.Settled).Milliseconds(), r.APICalls, r.Message, r.Runs)
		s.settle(t, rollout.Healthy)
	}
}

// analysed waits until Argo has measured something good.
func (s *shop) analysed(t *testing.T) {
	t.Helper()
	runs := s.client.Resource(schema.GroupVersionResource{Group: "argoproj.io", Version: "v1alpha1", Resource: "analysisruns"}).Namespace(s.namespace)
	plaintest.Until(t, func(ctx context.Context) error {
		list, err := runs.List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for _, o := range list.Items {
			for _, m := range rollout.DecodeRun(o.Object).Metrics {
				if m.Successful > 0 {
					return nil
				}
			}
		}
		return fmt.Errorf("%d AnalysisRuns, and nothing good is measured", len(list.Items))
	})
}
