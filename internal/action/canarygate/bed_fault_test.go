package canarygate

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/gatefile"
	"github.com/buenhyden/hy-home/internal/rollout"
	"github.com/buenhyden/hy-home/testbed/plain/plaintest"
)

// awaitPrometheus returns when the bed's Prometheus answers and has scraped again.
func (s *shop) awaitPrometheus(t *testing.T) {
	t.Helper()
	plaintest.Until(t, func(ctx context.Context) error {
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
	}{
		{"down from the start", func() error { return s.Stop("prometheus") }, func() error { return s.Start("prometheus") }, true, Inconclusive, ReasonNoPrometheus, "connection refused"},
		{"hanging from the start", func() error { return s.Freeze("prometheus") }, func() error { return s.Thaw("prometheus") }, true, Inconclusive, ReasonNoPrometheus, "timed out"},
		{"down in the middle", func() error { return s.Stop("prometheus") }, func() error { return s.Start("prometheus") }, false, Inconclusive, ReasonNoData, "5 measurements in a row have no answer: Prometheus at"},
		{"hanging in the middle", func() error { return s.Freeze("prometheus") }, func() error { return s.Thaw("prometheus") }, false, Inconclusive, ReasonNoData, "timed out"},
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
			o.Measurements = 1000 // more than there is time for
			if c.before {
				away() // and the release is never applied: it is not waited for
			}
			some := told(&o, "query: ", 2)
			verdict := start(t, o)
			if !c.before {
				s.release(t, plainRollout, longPause, "v2", "")
				await(t, verdict, some)
				away()
				s.goOn(t)
			}
			r := <-verdict
			if r.Verdict != c.verdict || r.Reason != c.reason || !strings.Contains(r.Message, c.message) {
				t.Errorf("%s %s: %s", r.Verdict, r.Reason, r.Message)
			}
			t.Logf("%s %s after %.1f s: %s (%+v)", r.Verdict, r.Reason, r.End.Sub(r.Start).Seconds(), r.Message, r.Changes)
		})
	}
}

// TestBed_PrometheusRestarts is away for some measurements and comes back: the gate
// goes on, and the answer is the right one.
func TestBed_PrometheusRestarts(t *testing.T) {
	s := openShop(t)
	s.errors(t, 0.01)
	s.release(t, plainRollout, withoutSteps, "v1", "")
	s.settle(t, rollout.Healthy)
	o := s.gate("v2")
	some, failed := told(&o, "query: ", 1), told(&o, "Error (", 4)
	verdict := start(t, o)
	s.release(t, plainRollout, longPause, "v2", "")
	await(t, verdict, some) // one that is away from the start ends the gate
	if err := s.Stop("prometheus"); err != nil {
		t.Fatal(err)
	}
	back := sync.OnceFunc(func() {
		if err := s.Start("prometheus"); err != nil {
			t.Fatal(err)
		}
		s.awaitPrometheus(t)
	})
	defer back() // the tests after this one need it
	await(t, verdict, failed)
	back()
	s.goOn(t)
	r := <-verdict
	if r.Verdict != Passed {
		t.Errorf("%s %s: %s", r.Verdict, r.Reason, r.Message)
	}
	t.Logf("%s after %.1f s: %s", r.Verdict, r.End.Sub(r.Start).Seconds(), r.Message)
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

// TestBed_BadQuery has a gate file whose query real Prometheus does not understand:
// nothing is waited for, although the release is not even applied.
func TestBed_BadQuery(t *testing.T) {
	s := openShop(t)
	s.release(t, plainRollout, withoutSteps, "v1", "")
	s.settle(t, rollout.Healthy)
	f, err := gatefile.Parse([]byte(`checks: [{name: c, query: "sum(rate(x[1m])", condition: "result[0] < 1"}]`))
	if err != nil {
		t.Fatal(err)
	}
	o := s.gate("v2")
	o.Query, o.Condition, o.Gate = "", "", f
	_, err = Run(t.Context(), o)
	if exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), `check "c" asks "sum(rate(x[1m])", which Prometheus refuses`) {
		t.Error(err)
	}
	t.Log(err)
}

// TestBed_APIServerRestarts kills the API server while a release is under way, and
// the token in use has ended when it comes back: where there is a new one, in its
// file or from the kubeconfig's command, the watch is taken up again.
func TestBed_APIServerRestarts(t *testing.T) {
	const life = 10 * time.Second // the gate's first requests take some milliseconds of it
	for _, c := range []struct {
		name             string
		renewed, command bool
		verdict          Verdict
		reason           string
	}{
		{"a new token is in its file", true, false, Passed, rollout.ReasonHealthy},
		{"the command prints a new one", true, true, Passed, rollout.ReasonHealthy},
		{"no new token is there", false, false, Inconclusive, "unauthorized"},
		{"the command prints the old one", false, true, Inconclusive, "unauthorized"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := openShop(t)
			s.errors(t, 0.01)
			s.release(t, plainRollout, withoutSteps, "v1", "")
			s.settle(t, rollout.Healthy)
			s.release(t, plainRollout, longPause, "v2", "")
			s.settle(t, rollout.Paused)
			account := s.account(t, life)
			ended := time.Now().Add(life)
			o := s.gate("v2")
			o.Kubeconfig = account.kubeconfig
			if c.command {
				o.Kubeconfig = account.command
			}
			verdict := start(t, o)
			time.Sleep(time.Until(ended.Add(time.Second))) // JSON Web Tokens have whole seconds
			if c.renewed {
				account.renew(t, time.Hour)
			}
			if err := s.Stop("kube-apiserver"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second) // tries fail meanwhile
			if err := s.Start("kube-apiserver"); err != nil {
				t.Fatal(err)
			}
			starts := time.Now()
			ready, cancel := context.WithTimeout(t.Context(), plaintest.Patience)
			defer cancel()
			if err := s.RenewClients(ready); err != nil {
				t.Fatal(err)
			}
			asked := int(time.Since(starts) / askAgain)
			if c.renewed {
				patchShop(t, s, "promote")
			}
			r := <-verdict
			if r.Verdict != c.verdict || r.Reason != c.reason || len(r.Warnings) > 0 {
				t.Errorf("%s %s: %s %q (%+v)", r.Verdict, r.Reason, r.Message, r.Warnings, r.Changes)
			}
			t.Logf("%s %s after %.1f s, %d requests: %s", r.Verdict, r.Reason, r.End.Sub(r.Start).Seconds(), r.APICalls, r.Message)
			if r.APICalls > 10+asked {
				t.Errorf("%d requests, of which the server that started may have asked for %d", r.APICalls, asked)
			}
		})
	}
}

// askAgain is after what time an API server that listens and is not ready wants to
// be asked again (Retry-After of apiserver's util/notfoundhandler): how long it takes
// to start is the machine's, and so is the number of these requests.
const askAgain = 5 * time.Second
