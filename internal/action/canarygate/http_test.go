package canarygate

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/buenhyden/hy-home/internal/gatefile"
	"github.com/buenhyden/hy-home/internal/promql"
	"github.com/buenhyden/hy-home/internal/rollout"
)

// TestChecks_OverHTTP asks a real server 200 things with the headers that were
// given. No answer comes before all have asked, so they are asked at once or never.
func TestChecks_OverHTTP(t *testing.T) {
	const slowest = 500 * time.Millisecond
	var asked atomic.Int64
	all := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer hunter2" {
			http.Error(w, "who are you", http.StatusUnauthorized)
			return
		}
		if r.URL.Path == "/api/v1/format_query" {
			fmt.Fprint(w, `{"status":"success","data":"q"}`)
			return
		}
		if strings.HasPrefix(r.URL.Query().Get("query"), "q") {
			if asked.Add(1) == 200 {
				close(all)
			}
			<-all
			time.Sleep(slowest) // what the whole is held against: a query that takes this long
		}
		fmt.Fprint(w, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"1"]}]}}`)
	}))
	defer server.Close()
	var b strings.Builder
	b.WriteString("checks:\n")
	for i := range 200 {
		fmt.Fprintf(&b, "- {name: c%d, query: q%d, condition: 'result[0] < 2', min-samples: 1}\n", i, i)
	}
	f, err := gatefile.Parse([]byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	o := options()
	o.Query, o.Condition, o.Gate, o.Prometheus = "", "", f, server.URL
	o.Headers = map[string]string{"Authorization": "Bearer hunter2"}
	p, err := o.check()
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{rollouts: []scene{{0, healthy("v2")}}, start: time.Now()}
	r, err := run(t.Context(), p, s, nil)
	if err != nil || r.Verdict != Passed {
		t.Fatalf("%v %s: %s", err, r.Verdict, r.Message)
	}
	t.Logf("200 queries of %s each took %s", slowest, r.End.Sub(r.Start))
}

// TestChecks_SlowPrometheus has a server that answers its first question, and
// nothing after it: that is no verdict.
func TestChecks_SlowPrometheus(t *testing.T) {
	r := play(t, judgedBy(t, fmt.Sprintf(threshold, "")), &stage{
		rollouts: []scene{{0, progressing("v2")}, {20, healthy("v2")}},
		errs:     map[int]error{0: fmt.Errorf("Prometheus at http://prom does not answer: timed out")},
		values:   map[int]promql.Result{0: value(0.01)},
	})
	if r.Verdict != Inconclusive || r.Reason != ReasonNoData || !strings.Contains(r.Message, "timed out") {
		t.Errorf("%s %s: %s", r.Verdict, r.Reason, r.Message)
	}
}

// FuzzExplain: any object has a phase and a verdict, and passes only when Argo
// would call it Healthy or it stands where it was told to.
func FuzzExplain(f *testing.F) {
	f.Add([]byte(`{"metadata":{"generation":1},"spec":{"strategy":{"canary":{"steps":[{"pause":{}}]}}},"status":{"currentPodHash":"a","stableRS":"a","phase":"Healthy"}}`))
	f.Add([]byte(`{"status":{"conditions":{}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		object, ok := decodeObject(text)
		if !ok {
			return
		}
		e := rollout.Explain(rollout.Decode(object), []rollout.Run{rollout.DecodeRun(object)}, rollout.Expectation{})
		if e.Phase == "" || e.Verdict == "" || e.Reason == "" {
			t.Errorf("%+v", e)
		}
		if e := rollout.Explain(rollout.Decode(object), nil, rollout.Expectation{}); e.Verdict == "passed" && e.Phase != rollout.Healthy {
			t.Errorf("passed while %s", e.Phase)
		}
	})
}

func decodeObject(text []byte) (map[string]any, bool) {
	var object map[string]any
	err := json.Unmarshal(text, &object)
	return object, err == nil && object != nil
}
