package canarygate

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/buenhyden/hy-home/internal/gatefile"
	"github.com/buenhyden/hy-home/internal/rollout"
	"github.com/buenhyden/hy-home/testbed/plain/plaintest"
)

// awaitPrometheus returns when the bed's Prometheus answers and has scraped again.
func (s *shop) awaitPrometheus(t *testing.T) {
	t.Helper()
	plaintest.Until(t, time.Minute, func(ctx context.Context) error {
		r, err := http.Get(s.Prometheus + "/-/ready")
		if err != nil {
			return err
		}
		r.Body.Close()
		if r.StatusCode != http.StatusOK {
			return fmt.Errorf("it answers %s", r.Status)
		}
		return nil
	})
	s.errors(t, 0.01)
}

// TestBed_PrometheusFails takes the real Prometheus away, before the gate starts
// and in its middle: that is never a pass, nor a failure of the release.
func TestBed_PrometheusFails(t *testing.T) {
	s := openShop(t)
	for _, c := range []struct {
		name       string
		away, back func() error
		before     bool // the gate starts
		verdict    Verdict
		reason     string
		message    string
		within     time.Duration
	}{
		{"down from the start", func() error { return s.Stop("prometheus") }, func() error { return s.Start("prometheus") }, true, Inconclusive, ReasonNoPrometheus, "connection refused", 5 * time.Second},
		{"hanging from the start", func() error { return s.Freeze("prometheus") }, func() error { return s.Thaw("prometheus") }, true, Inconclusive, ReasonNoPrometheus, "timed out", 5 * time.Second},
		{"down in the middle", func() error { return s.Stop("prometheus") }, func() error { return s.Start("prometheus") }, false, Inconclusive, ReasonNoData, "5 measurements in a row have no answer: Prometheus at", time.Minute},
		{"hanging in the middle", func() error { return s.Freeze("prometheus") }, func() error { return s.Thaw("prometheus") }, false, Inconclusive, ReasonNoData, "timed out", time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &shop{Bed: s.Bed, namespace: s.Namespace(t), client: s.client}
			s.errors(t, 0.01)
			s.release(t, plainRollout, withoutSteps, "v1", "")
			s.settle(t, rollout.Healthy)
			gone := false
			away := func() {
				if err := c.away(); err != nil {
					t.Fatal(err)
				}
				gone = true
			}
			defer func() { // before the test's context ends, which is needed to wait
				if !gone {
					return
				}
				if err := c.back(); err != nil {
					t.Fatal(err)
				}
				s.awaitPrometheus(t)
			}()
			o := s.gate("v2")
			o.Measurements = 20 // more than there is time for before it goes
			if c.before {
				away()
			}
			verdict := start(t, o)
			s.release(t, plainRollout, `[{setWeight: 25}, {pause: {duration: 4s}}]`, "v2", "")
			if !c.before {
				s.settle(t, rollout.Paused)
				time.Sleep(time.Second) // some measurements are made first
				away()
			}
			r := <-verdict
			took := r.End.Sub(r.Start)
			if r.Verdict != c.verdict || r.Reason != c.reason || !strings.Contains(r.Message, c.message) || took > c.within {
				t.Errorf("%s %s after %s: %s", r.Verdict, r.Reason, took, r.Message)
			}
			t.Logf("%s %s after %.1f s: %s (%+v)", r.Verdict, r.Reason, took.Seconds(), r.Message, r.Changes)
		})
	}
}

// TestBed_PrometheusRestarts is away for some seconds and comes back: the gate
// goes on, and the answer is the right one.
func TestBed_PrometheusRestarts(t *testing.T) {
	s := openShop(t)
	s.errors(t, 0.01)
	s.release(t, plainRollout, withoutSteps, "v1", "")
	s.settle(t, rollout.Healthy)
	verdict := start(t, s.gate("v2"))
	s.release(t, plainRollout, `[{setWeight: 25}, {pause: {duration: 10s}}]`, "v2", "")
	s.settle(t, rollout.Paused)
	if err := s.Stop("prometheus"); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * time.Second) // how long it is away: measurements fail meanwhile
	if err := s.Start("prometheus"); err != nil {
		t.Fatal(err)
	}
	r := <-verdict
	if r.Verdict != Passed {
		t.Errorf("%s %s: %s", r.Verdict, r.Reason, r.Message)
	}
	t.Logf("%s after %.1f s: %s", r.Verdict, r.End.Sub(r.Start).Seconds(), r.Message)
	s.awaitPrometheus(t)
}

// TestBed_NothingToMeasure has queries without an answer by real Prometheus.
func TestBed_NothingToMeasure(t *testing.T) {
	s := openShop(t)
	s.errors(t, 0)
	s.release(t, plainRollout, withoutSteps, "v1", "")
	s.settle(t, rollout.Healthy)
	for _, c := range []struct{ name, query, condition, failure, message string }{
		{"a metric that is missing", "no_such_metric", "all(result, # < 1)", "", "no data"},
		{"an empty answer", `error_ratio{namespace="{{namespace}}"} > 1`, "result[0] < 1", "", "no data"},
		{"NaN", `error_ratio{namespace="{{namespace}}"} / 0`, "", "result[0] > 0.05", "NaN"},
		{"a scalar NaN", `scalar(no_such_metric)`, "not (result > 0.05)", "", "NaN"},
		{"a query that fails", `label_replace(error_ratio, "x", "$1", "namespace", "(") > 0`, "result[0] < 1", "", "invalid regular expression"},
	} {
		f, err := gatefile.Parse(fmt.Appendf(nil, "checks: [{name: c, query: %q, condition: %q, failure-condition: %q, interval: 100ms}]", c.query, c.condition, c.failure))
		if err != nil {
			t.Fatal(err)
		}
		o := s.gate("v1")
		o.Query, o.Condition, o.Gate = "", "", f
		r := <-start(t, o)
		if r.Verdict != Inconclusive || r.Reason != ReasonNoData || !strings.Contains(r.Message, c.message) {
			t.Errorf("%s: %s %s: %s", c.name, r.Verdict, r.Reason, r.Message)
		}
		t.Logf("%s: %s", c.name, r.Message)
	}
}

// TestBed_APIServerRestarts kills the API server while a release is under way:
// the watch is taken up again and the verdict is the right one. Meanwhile the token
// in use is worth nothing any more, and a new one lies in its file: it is read.
func TestBed_APIServerRestarts(t *testing.T) {
	const steps = `[{setWeight: 25}, {pause: {duration: 8s}}]`
	for _, c := range []struct {
		name    string
		renewed bool
		verdict Verdict
		reason  string
	}{
		{"a new token is there", true, Passed, rollout.ReasonHealthy},
		{"no new token is there", false, Inconclusive, "unauthorized"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := openShop(t)
			s.errors(t, 0.01)
			s.release(t, plainRollout, withoutSteps, "v1", "")
			s.settle(t, rollout.Healthy)
			account := s.account(t)
			o := s.gate("v2")
			o.Kubeconfig = account.kubeconfig
			verdict := start(t, o)
			s.release(t, plainRollout, steps, "v2", "")
			s.settle(t, rollout.Paused)
			account.revoke(t)
			if c.renewed {
				account.renew(t)
			}
			if err := s.Stop("kube-apiserver"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second) // tries fail meanwhile
			if err := s.Start("kube-apiserver"); err != nil {
				t.Fatal(err)
			}
			r := <-verdict
			if r.Verdict != c.verdict || r.Reason != c.reason {
				t.Errorf("%s %s: %s (%+v)", r.Verdict, r.Reason, r.Message, r.Changes)
			}
			t.Logf("%s %s after %.1f s, %d requests: %s", r.Verdict, r.Reason, r.End.Sub(r.Start).Seconds(), r.APICalls, r.Message)
			plaintest.Until(t, time.Minute, func(ctx context.Context) error { _, err := s.state(ctx); return err })
		})
	}
}
