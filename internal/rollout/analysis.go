package rollout

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Run is an AnalysisRun of a revision, as far as a report needs it.
type Run struct {
	Name     string
	Type     string // Step, Background, PrePromotion or PostPromotion
	Step     string // index of its step, counted from 0; empty unless Type is Step
	Phase    string // Pending, Running, Successful, Failed, Error or Inconclusive
	Message  string
	Created  time.Time
	Metrics  []Metric
	owner    string // uid of the Rollout
	hash     string
	revision string
}

// Metric is one metric of a [Run].
type Metric struct {
	Name         string
	Phase        string
	Message      string
	DryRun       bool   // measured, but without a say
	Wanted       int64  // measurements asked for; 0 when it goes on until it is stopped
	InRow        int64  // good ones in a row that do as well; 0 when none do
	GoodInRow    int64  // good ones in a row at the end
	Successful   int64  // measurements by how they ended
	Failed       int64  //
	Inconclusive int64  //
	Errors       int64  //
	Last         string // the last measurement: its value, else its message; empty when there was none
}

// DecodeRun reads an AnalysisRun out of its JSON form, as leniently as [Decode].
func DecodeRun(obj map[string]any) Run {
	meta, status := object(obj, "metadata"), object(obj, "status")
	labels := object(meta, "labels")
	run := Run{
		Name:     text(meta, "name"),
		Type:     text(labels, "rollout-type"),
		Step:     text(labels, "step-index"),
		Phase:    text(status, "phase"),
		Message:  text(status, "message"),
		Created:  moment(meta, "creationTimestamp"),
		hash:     text(labels, "rollouts-pod-template-hash"),
		revision: text(object(meta, "annotations"), "rollout.argoproj.io/revision"),
	}
	for _, o := range list(meta, "ownerReferences") {
		if text(o, "kind") == "Rollout" {
			run.owner = text(o, "uid")
		}
	}
	spec := object(obj, "spec")
	args := map[string]string{}
	for _, a := range list(spec, "args") {
		args["{{args."+text(a, "name")+"}}"] = text(a, "value")
	}
	wanted, inRow := map[string]int64{}, map[string]int64{}
	for _, m := range list(spec, "metrics") {
		wanted[text(m, "name")], inRow[text(m, "name")] = effectiveCount(m, args), limit(m, "consecutiveSuccessLimit", args)
	}
	for _, r := range list(status, "metricResults") {
		m := Metric{
			Name: text(r, "name"), Phase: text(r, "phase"), Message: text(r, "message"), DryRun: flag(r, "dryRun", false),
			Wanted: wanted[text(r, "name")], InRow: inRow[text(r, "name")], GoodInRow: number(r, "consecutiveSuccess", 0),
			Successful: number(r, "successful", 0), Failed: number(r, "failed", 0),
			Inconclusive: number(r, "inconclusive", 0), Errors: number(r, "error", 0),
		}
		if all := list(r, "measurements"); len(all) > 0 {
			last := all[len(all)-1]
			if m.Last = text(last, "value"); m.Last == "" {
				m.Last = text(last, "message")
			}
		}
		run.Metrics = append(run.Metrics, m)
	}
	return run
}

// effectiveCount is how many measurements a metric asks for: without a count it
// is one, and with an interval it has no end.
func effectiveCount(metric map[string]any, args map[string]string) int64 {
	if n := limit(metric, "count", args); n != 0 {
		return n
	}
	if metric["interval"] != nil {
		return 0
	}
	return 1
}

// limit is a number of a metric, which may be written as text, or be an argument
// of the run.
func limit(metric map[string]any, key string, args map[string]string) int64 {
	s := text(metric, key)
	if s == "" {
		return number(metric, key, 0)
	}
	if value, ok := args[strings.ReplaceAll(s, " ", "")]; ok {
		s = value
	}
	n, _ := strconv.ParseInt(s, 10, 32)
	return n
}

// OfRevision keeps the runs that belong to the Rollout's wanted revision, oldest
// first. The hash alone is not enough: a version that is released again has the
// same hash, and the runs of its first try may still be there.
func OfRevision(runs []Run, s State) []Run {
	var mine []Run
	for _, r := range runs {
		if r.owner == s.UID && r.hash == s.Status.PodHash && (r.revision == "" || s.Revision == "" || r.revision == s.Revision) {
			mine = append(mine, r)
		}
	}
	slices.SortStableFunc(mine, func(a, b Run) int { return a.Created.Compare(b.Created) })
	return mine
}

// Complete reports whether the run is at its end.
func (r Run) Complete() bool { return runComplete(r.Phase) }

// Evidence reports whether the run really measured something good. "Successful"
// alone does not say so: Argo ends a run that was stopped before its first
// measurement, or that had nothing but errors, as Successful too.
func (r Run) Evidence() bool {
	if r.Phase != "Successful" {
		return false
	}
	for _, m := range r.Metrics {
		enough := m.Successful+m.Failed+m.Inconclusive >= m.Wanted || (m.InRow > 0 && m.GoodInRow >= m.InRow)
		if !m.DryRun && m.Successful > 0 && enough {
			return true
		}
	}
	return false
}

// Cause says why an analysis stopped the Rollout: the phase of the newest run
// that did not succeed and half a sentence; both are empty when all did.
func Cause(runs []Run) (phase, why string) {
	for _, r := range slices.Backward(runs) {
		if r.Phase != "Failed" && r.Phase != "Error" && r.Phase != "Inconclusive" {
			continue
		}
		for _, m := range r.Metrics {
			if m.DryRun || m.Phase != r.Phase {
				continue
			}
			why = fmt.Sprintf("metric %q of AnalysisRun %s ended as %s", m.Name, r.Name, m.Phase)
			if m.Last != "" {
				why += ", last measurement " + m.Last
			}
			return r.Phase, why
		}
		if r.Message != "" {
			return r.Phase, fmt.Sprintf("AnalysisRun %s ended as %s: %s", r.Name, r.Phase, r.Message)
		}
		return r.Phase, fmt.Sprintf("AnalysisRun %s ended as %s", r.Name, r.Phase)
	}
	return "", ""
}
