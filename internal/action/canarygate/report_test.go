package canarygate

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/buenhyden/hy-home/internal/judge"
	"github.com/buenhyden/hy-home/internal/report"
	"github.com/buenhyden/hy-home/internal/rollout"
	"github.com/buenhyden/hy-home/internal/testkit/golden"
)

// sample is a failed release with foreign text wherever a cluster can put some.
func sample() Result {
	start := time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)
	at := func(s float64) time.Time { return start.Add(time.Duration(s * float64(time.Second))) }
	query := CheckResult{
		Name: "query", Own: true, Verdict: Failed, Text: "1 of 4 measurements failed (0 may), the last of them with [0.51]", Critical: true,
		Query: "sum(rate(http_requests_total{code=~\"5..\",revision=\"7d9f8c\"}[10s]))\n```\nend", Condition: "result[0] < 0.05", Limit: &judge.Bound{Value: 0.05},
		Measurements: []judge.Measurement{
			{Time: at(1), Value: math.NaN(), Text: "[]", Outcome: judge.NoData, Message: "the query gave no data"},
			{Time: at(3), Value: 0.01, Text: "[0.01]", Outcome: judge.Successful},
			{Time: at(5), Value: 0.51, Text: "[0.51]", Outcome: judge.Failed},
			{Time: at(7), Value: math.NaN(), Outcome: judge.Error, Message: "Prometheus at http://prom does not answer: <b>timed out</b>"},
		},
	}
	return Result{
		Verdict: Failed, Reason: "aborted",
		Message: `Rollout apps/backend was aborted because metric "error-share" of AnalysisRun backend-7d9f-3-2 ended as Failed, last measurement [0.51] <script>alert(1)</script> | **x**`,
		Rollout: "apps/backend", Expected: "localhost:5001/shop/backend:v3", Image: "localhost:5001/shop/backend:v3",
		Phase: "Degraded", PhaseMessage: "RolloutAborted: Rollout aborted update to revision 3", Revision: "3", PodHash: "7d9f8c",
		Step: 2, Steps: 4, Weight: 25,
		Checks: []CheckResult{query},
		Runs: []rollout.Run{
			{Name: "backend-7d9f-3-2", Type: "Step", Step: "1", Phase: "Failed", Metrics: []rollout.Metric{
				{Name: "error-share", Phase: "Failed", Message: "failed (1) > failureLimit (0)", Successful: 1, Failed: 1, Last: "[0.51]"},
				{Name: "latency | p99", Phase: "Successful", DryRun: true, Successful: 2, Errors: 1, Last: "[0.2]"},
			}},
			{Name: "background", Type: "Background", Phase: "Error", Message: "no such host"},
		},
		Changes: []Change{
			{at(0), "Rollout apps/backend does not want it yet", 0, 0},
			{at(0.8), "Progressing (more replicas need to be updated), step 1 of 4, 25 %", 1, 25},
			{at(6), "Progressing (more replicas need to be updated), step 3 of 4, 50 %", 3, 50},
			{at(8), "Degraded (RolloutAborted), step 3 of 4, 50 %", 3, 50},
		},
		Warnings: []string{"condition ReplicaFailure (FailedCreate): quota `x` | y"},
		Start:    start, End: at(8.1), Settled: at(8), APICalls: 3,
	}
}

func TestReport_Golden(t *testing.T) {
	passed := sample()
	passed.Verdict, passed.Reason, passed.Message = Passed, "healthy", "Rollout apps/backend is Healthy with revision 7d9f8c fully promoted, 3 of 3 measurements are good, the last with [0.01]"
	passed.Phase, passed.PhaseMessage, passed.Weight, passed.Step = "Healthy", "", 100, 4
	passed.Checks[0].Measurements, passed.Runs, passed.Warnings = passed.Checks[0].Measurements[1:2], nil, nil
	unseen := Result{
		Verdict: Inconclusive, Reason: "crd_missing", Message: "the cluster does not know Rollouts: install Argo Rollouts",
		Rollout: "apps/backend", Expected: "a/b:1", Weight: -1, Start: passed.Start, End: passed.End, APICalls: 1,
	}
	for name, r := range map[string]Result{"failed": sample(), "passed": passed, "unseen": unseen} {
		got := report.Markdown(r.Report())
		golden.Compare(t, "summary-"+name+".md", got)
		if strings.Contains(got, "<script>") || strings.Contains(got, "<b>") {
			t.Errorf("%s: foreign text is not escaped", name)
		}
	}
}

func TestReport_ManyMeasurements(t *testing.T) {
	r := sample()
	for i := range 5000 {
		r.Checks[0].Measurements = append(r.Checks[0].Measurements, judge.Measurement{Time: r.Start.Add(time.Duration(i) * time.Second), Text: "[0.01]", Value: 0.01, Outcome: judge.Successful})
	}
	if text := report.Markdown(r.Report()); len(text) > 100<<10 || !strings.Contains(text, "The last 100") {
		t.Errorf("%d bytes", len(text))
	}
}
