package canarygate

import (
	"strings"
	"testing"
	"time"

	"github.com/buenhyden/hy-home/internal/rollout"
)

func TestBed_GoodRelease(t *testing.T) {
	s := openShop(t)
	s.errors(t, 0.01)
	s.release(t, analysed, withAnalysis, "v1", "")
	s.settle(t, rollout.Healthy)

	verdict := start(t, s.gate("v2"))
	s.release(t, analysed, withAnalysis, "v2", "")
	r := <-verdict
	if r.Verdict != Passed || r.Image != "example.com/shop:v2" || r.PodHash == "" || r.Weight != 100 {
		t.Fatalf("%s %s: %s (%+v)", r.Verdict, r.Reason, r.Message, r.Changes)
	}
	if len(r.Runs) != 1 || !r.Runs[0].Evidence() || r.Measured() < 3 {
		t.Errorf("runs %+v, %d measurements", r.Runs, r.Measured())
	}
	t.Logf("passed after %.1f s, %d ms after the end state was seen; %d requests to the API server, %d measurements", r.End.Sub(r.Start).Seconds(), r.End.Sub(r.Settled).Milliseconds(), r.APICalls, r.Measured())
	after := 0
	for _, m := range r.Checks[0].Measurements {
		if !m.Time.Before(r.Settled) {
			after++
		}
	}
	if after != 1 && r.Measured() > 3 { // fewer are no evidence
		t.Errorf("%d measurements were made after the end state was seen, want one and the answer", after)
	}
	if r.APICalls > 10 {
		t.Errorf("%d requests", r.APICalls)
	}
}

// TestBed_BadRelease lets Argo find the fault: the gate says no and quotes it.
// The release after it must not suffer from the state it leaves behind.
func TestBed_BadRelease(t *testing.T) {
	s := openShop(t)
	s.errors(t, 0.2)
	s.release(t, analysed, withAnalysis, "v1", "") // the first version is not analysed
	s.settle(t, rollout.Healthy)

	o := s.gate("v2")
	o.Prometheus, o.Query, o.Condition = "", "", ""
	verdict := start(t, o)
	s.release(t, analysed, withAnalysis, "v2", "")
	r := <-verdict
	if r.Verdict != Failed || r.Reason != "aborted" || !strings.Contains(r.Message, `metric "error-ratio"`) || !strings.Contains(r.Message, "last measurement [0.2]") {
		t.Fatalf("%s %s: %s", r.Verdict, r.Reason, r.Message)
	}
	t.Logf("%s, %d ms after it was seen", r.Message, r.End.Sub(r.Settled).Milliseconds())

	s.errors(t, 0.01)
	verdict = start(t, s.gate("v3"))
	s.release(t, analysed, withAnalysis, "v3", "")
	if r := <-verdict; r.Verdict != Passed {
		t.Errorf("after a failed release: %s %s: %s (%+v)", r.Verdict, r.Reason, r.Message, r.Changes)
	}
}

// TestBed_NeverApplied has a healthy Rollout and good metrics, but another image.
func TestBed_NeverApplied(t *testing.T) {
	s := openShop(t)
	s.errors(t, 0)
	s.release(t, plainRollout, withoutSteps, "v1", "")
	s.settle(t, rollout.Healthy)
	o := s.gate("v2")
	for o.Timeout = 2 * time.Second; ; o.Timeout *= 2 { // until it is enough for a look at the Rollout
		r := <-start(t, o)
		if r.Verdict != Inconclusive || r.Reason != ReasonTimeout {
			t.Fatalf("%s %s: %s", r.Verdict, r.Reason, r.Message)
		}
		if strings.Contains(r.Message, "its template has example.com/shop:v1") {
			break
		}
		if o.Timeout > time.Minute {
			t.Fatal(r.Message)
		}
	}
}

func TestBed_ImageCannotBePulled(t *testing.T) {
	s := openShop(t)
	s.errors(t, 0)
	s.release(t, plainRollout, withoutSteps, "v1", "")
	s.settle(t, rollout.Healthy)
	verdict := start(t, s.gate("v2"))
	s.release(t, plainRollout, withoutSteps, "v2", "ImagePullBackOff")
	r := <-verdict
	if r.Verdict != Failed || r.Reason != "image_pull" || !strings.Contains(r.Message, "container shop is in ImagePullBackOff") {
		t.Errorf("%s %s: %s", r.Verdict, r.Reason, r.Message)
	}
	t.Logf("%s, after %.1f s, %d requests", r.Message, r.End.Sub(r.Start).Seconds(), r.APICalls)
}

// TestBed_Aborts measures something bad while Argo only waits, and stops it.
func TestBed_Aborts(t *testing.T) {
	s := openShop(t)
	s.errors(t, 0.3)
	s.release(t, plainRollout, longPause, "v1", "")
	s.settle(t, rollout.Healthy)
	o := s.gate("v2")
	o.OnFail = "abort"
	// The rule for it is in the shipped Role, commented out.
	s.shipped(t, "infra/apps/canary-gate.yaml", "  # - {apiGroups", "  - {apiGroups")
	o.Kubeconfig = s.as(t, s.serviceAccount())
	verdict := start(t, o)
	s.release(t, plainRollout, longPause, "v2", "")
	r := <-verdict
	if r.Verdict != Failed || r.Reason != ReasonCondition || r.Acted != "aborted" || !strings.Contains(r.Message, "[0.3]") {
		t.Fatalf("%s %s: %s, acted %q, %q", r.Verdict, r.Reason, r.Message, r.Acted, r.Warnings)
	}
	s.settle(t, rollout.Degraded)
}
