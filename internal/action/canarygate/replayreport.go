package canarygate

import (
	"fmt"
	"time"

	"github.com/buenhyden/hy-home/internal/report"
)

// ReplayReport shows a replay to people: what the gate file would have said of
// each release, and the evidence against those that it would have stopped.
func ReplayReport(rollout string, releases []Replayed) report.Report {
	out := report.Report{Title: "canary-gate replay: " + rollout, Status: report.Passed}
	if len(releases) == 0 {
		out.Status = report.Unclear
		out.Verdict = "Prometheus knows of no release of Rollout " + rollout + " (kube_replicaset_spec_replicas and kube_replicaset_owner, of kube-state-metrics): name one by --window"
		return out
	}
	count := map[Verdict]int{}
	t := report.Table{Header: []string{"", "Began", "Took", "Revision", "Became", "After", "Said"}}
	for _, r := range releases {
		count[r.Verdict]++
		t.Rows = append(t.Rows, []string{
			answer(r.Verdict), r.Start.UTC().Format(time.DateTime), r.End.Sub(r.Start).String(), r.Hash, r.Outcome, r.At.Sub(r.Start).String(), r.Message,
		})
		if r.Verdict == Passed {
			continue
		}
		out.Sections = append(out.Sections, report.Section{
			Title: fmt.Sprintf("%s: %s at %s UTC", answer(r.Verdict), r.Hash, r.Start.UTC().Format(time.DateTime)),
			Text:  r.Message,
			Table: checkTable(r.Checks),
		})
	}
	switch {
	case count[Failed] > 0:
		out.Status = report.Failed
	case count[Inconclusive] > 0:
		out.Status = report.Unclear
	}
	out.Verdict = fmt.Sprintf("%d of %d releases would have been stopped, %d could not be told", count[Failed], len(releases), count[Inconclusive])
	out.Sections = append([]report.Section{{Title: "Releases, times in UTC", Table: t}}, out.Sections...)
	return out
}
