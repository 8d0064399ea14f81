package rollout

import (
	"strings"
	"testing"
	"time"
)

// TestExplain has every phase of an AnalysisRun, alone and beside a healthy Rollout.
func TestExplain(t *testing.T) {
	run := func(phase, message string, m Metric) Run {
		return Run{Name: "r", Phase: phase, Message: message, Metrics: []Metric{m}}
	}
	for _, c := range []struct {
		name            string
		run             Run
		phase           string // of the run alone
		verdict, reason string
		why             string
	}{
		{"no phase yet", Run{Name: "r"}, "Pending", "waiting", ReasonAnalysisRunning, "is not at its end"},
		{"Pending", run("Pending", "", Metric{}), "Pending", "waiting", ReasonAnalysisRunning, "is not at its end"},
		{"Running", run("Running", "", Metric{Successful: 2}), "Running", "waiting", ReasonAnalysisRunning, "is not at its end"},
		{"Failed", run("Failed", "", Metric{Name: "m", Phase: "Failed", Last: "[0.4]"}), "Failed", "failed", ReasonAnalysisFailed, `metric "m" of AnalysisRun r ended as Failed, last measurement [0.4]`},
		{"Error is another matter", run("Error", "no such host", Metric{}), "Error", "failed", ReasonAnalysisError, "no such host"},
		{"Inconclusive", run("Inconclusive", "", Metric{}), "Inconclusive", "inconclusive", ReasonInconclusive, "ended as Inconclusive"},
		{"Successful, and it measured", run("Successful", "", Metric{Wanted: 3, Successful: 3}), "Successful", "passed", "", ""},
		{"Successful, and stopped before it measured", run("Successful", "Run Terminated", Metric{Wanted: 3}), "Successful", "inconclusive", ReasonNoEvidence, "no good measurement that counts"},
		{"Successful with errors alone", run("Successful", "Run Terminated", Metric{Errors: 4}), "Successful", "inconclusive", ReasonNoEvidence, ""},
		{"Successful by a dry run alone", run("Successful", "", Metric{DryRun: true, Wanted: 1, Successful: 1}), "Successful", "inconclusive", ReasonNoEvidence, ""},
	} {
		alone, beside := ExplainRun(c.run), Explain(with(t, `{}`), []Run{c.run}, Expectation{Image: v2})
		if alone.Phase != c.phase || beside.Phase != Healthy {
			t.Errorf("%s: phases %s and %s", c.name, alone.Phase, beside.Phase)
		}
		for _, e := range []Explanation{alone, beside} {
			if e.Verdict != c.verdict || (c.reason != "" && e.Reason != c.reason) || !strings.Contains(e.Why, c.why) {
				t.Errorf("%s: %+v, want %s %s with %q", c.name, e, c.verdict, c.reason, c.why)
			}
		}
	}
	// What the Rollout says against itself is not mended by its analysis.
	good := []Run{{Phase: "Successful", Metrics: []Metric{{Successful: 1}}}}
	if e := Explain(with(t, `{status: {conditions: [{reason: RolloutAborted}]}}`), good, Expectation{}); e.Verdict != "failed" || e.Reason != ReasonAborted {
		t.Errorf("%+v", e)
	}
	if e := Explain(with(t, `{spec: {paused: true}}`), good, Expectation{}); e.Verdict != "inconclusive" || e.Reason != ReasonManualPause {
		t.Errorf("%+v", e)
	}
}

// TestWeigh has what neither a run alone nor one beside a healthy Rollout shows.
func TestWeigh(t *testing.T) {
	at := func(r Run, kind, step string, second int64) Run {
		r.Type, r.Step, r.Created = kind, step, time.Unix(second, 0)
		return r
	}
	good, failed := Run{Name: "good", Phase: "Successful", Metrics: []Metric{{Successful: 1}}}, Run{Name: "bad", Phase: "Failed"}
	running, stopped := Run{Name: "on", Phase: "Running"}, Run{Name: "stopped", Phase: "Successful"}
	pass, wait := Decision{Pass, ReasonHealthy, "m"}, Decision{Wait, ReasonProgressing, "m"}
	for _, c := range []struct {
		name    string
		d       Decision
		runs    []Run
		demand  Demand
		answer  Answer
		reason  string
		without string
	}{
		{"one that failed counts before Argo aborts", wait, []Run{failed}, Demand{}, Fail, ReasonAnalysisFailed, ""},
		{"and at the end, demanded or not", pass, []Run{good, failed}, Demand{}, Fail, ReasonAnalysisFailed, ""},
		{"not when its step was measured again", pass, []Run{at(good, "Step", "1", 9), at(failed, "Step", "1", 5)}, Demand{Each: true}, Pass, ReasonHealthy, ""},
		{"another step is another matter", pass, []Run{at(failed, "Step", "1", 5), at(good, "Step", "2", 9)}, Demand{}, Fail, ReasonAnalysisFailed, ""},
		{"a retry that failed", pass, []Run{at(good, "Step", "1", 5), at(failed, "Step", "1", 9)}, Demand{}, Fail, ReasonAnalysisFailed, ""},
		{"nothing is demanded", pass, []Run{stopped, running}, Demand{}, Pass, ReasonHealthy, "stopped"},
		{"some is enough where some is demanded", pass, []Run{stopped, good}, Demand{Some: true}, Pass, ReasonHealthy, "stopped"},
		{"not where each is", pass, []Run{stopped, good}, Demand{Each: true}, Undecided, ReasonNoEvidence, ""},
		{"there is none", pass, nil, Demand{Some: true}, Undecided, ReasonNoEvidence, ""},
		{"one that runs is waited for", pass, []Run{good, running}, Demand{Each: true}, Wait, ReasonAnalysisRunning, ""},
		{"until its time is over", pass, []Run{good, running}, Demand{Each: true, Over: true}, Undecided, ReasonNoEvidence, ""},
		{"short of the end it may run on", pass, []Run{good, running}, Demand{Each: true, Until: Target{Step: 1}}, Pass, ReasonHealthy, ""},
		{"of the revision before", Decision{Wait, ReasonNotExpected, "m"}, []Run{failed}, Demand{}, Wait, ReasonNotExpected, ""},
		{"a Rollout on its way", wait, []Run{good, stopped, running}, Demand{Each: true}, Wait, ReasonProgressing, ""},
		{"an abort by an error", Decision{Fail, ReasonAborted, "m"}, []Run{{Name: "r", Phase: "Error"}}, Demand{}, Fail, ReasonAnalysisError, ""},
		{"an abort by hand", Decision{Fail, ReasonAborted, "m"}, []Run{good}, Demand{}, Fail, ReasonAborted, ""},
		{"another failure is not explained by it", Decision{Fail, ReasonDeadline, "m"}, []Run{failed}, Demand{}, Fail, ReasonDeadline, ""},
	} {
		d, without := Weigh(State{}, c.d, c.runs, c.demand)
		if d.Answer != c.answer || d.Reason != c.reason || strings.Join(without, " ") != c.without || d.Message == "" {
			t.Errorf("%s: %v %+v %q", c.name, d.Answer, d, without)
		}
	}
}
