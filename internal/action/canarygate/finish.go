package canarygate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/buenhyden/hy-home/internal/rollout"
)

// runPatience is how long an AnalysisRun may outlive the end of the Rollout that
// it is to be evidence for. Argo stops what runs in the background only then.
const runPatience = 15 * time.Second

// running reports whether a run is still to end. Short of the end of the Rollout
// those in the background go on, and speak neither for it nor against it.
func (g *gate) running(r rollout.Run) bool {
	return !r.Complete() && g.until == (rollout.Target{})
}

// finish asks for the verdict and, when there is one, completes it with what
// only the cluster knows: the AnalysisRuns. They are listed here alone, because
// nothing before the end depends on them.
func (g *gate) finish(ctx context.Context) bool {
	if g.state == nil {
		return false
	}
	c := conclude(g.facts())
	if c.verdict == "" {
		return false
	}
	now := time.Now()
	if c.verdict == Passed && now.Before(g.recheck) {
		return false
	}
	if g.judgeable() {
		runs, err := g.cluster.Runs(ctx, *g.state)
		demanded, last := c.verdict == Passed && (g.RequireAnalysis || c.needsEvidence), g.end.Add(runPatience)
		if demanded && slices.ContainsFunc(runs, g.running) && now.Before(last) {
			// Twice as long each time: few requests, and at once where it takes no time.
			if g.recheck = now.Add(max(200*time.Millisecond, now.Sub(g.end))); g.recheck.After(last) {
				g.recheck = last
			}
			return false
		}
		if err != nil {
			g.result.Warnings = append(g.result.Warnings, "the AnalysisRuns could not be read: "+err.Error())
		}
		g.result.Runs = runs
	}
	g.result.Warnings = append(g.result.Warnings, rollout.Warnings(*g.state)...)
	if c.verdict == Passed {
		c = g.demandEvidence(c)
	}
	c = g.withCause(c)
	g.conclude(c.verdict, c.reason, c.message)
	g.result.Settled = g.settled(c)
	g.result.Score = g.sum(g.end).score
	g.act(ctx)
	g.baselines(ctx)
	g.result.Message += g.beside()
	return true
}

// withCause names what was wanted and not met: the gate's own condition, or the
// metric that stopped the Rollout in place of Argo's words, which do not say
// what was measured.
func (g *gate) withCause(c conclusion) conclusion {
	var how string
	switch c.reason {
	case ReasonCondition:
		broken := fmt.Sprintf("%s does not hold", g.Condition)
		if g.FailureCondition != "" { // it decides over failures, also beside a condition
			broken = fmt.Sprintf("%s holds", g.FailureCondition)
		}
		c.message = broken + ": " + c.message
		return c
	case rollout.ReasonAborted:
		how = "was aborted"
	case rollout.ReasonInconclusive:
		how = "is paused"
	default:
		return c
	}
	phase, why := rollout.Cause(g.result.Runs)
	if why == "" {
		return c
	}
	if c.reason == rollout.ReasonAborted && phase == "Error" {
		c.reason = ReasonAnalysisError // the metrics may be broken, not the release
	}
	c.message = fmt.Sprintf("Rollout %s %s because %s", g.Rollout, how, why)
	return c
}

// settled is when that was seen which led to the verdict.
func (g *gate) settled(c conclusion) time.Time {
	switch {
	case c.verdict == Passed:
		return g.end
	case len(g.result.Measurements) > 0 && (c.reason == ReasonCondition || c.reason == ReasonNoData):
		return g.result.Measurements[len(g.result.Measurements)-1].Time
	}
	return g.sighted
}

// demandEvidence takes a pass back for which there is no measurement. Without
// measurements of the gate's own, one AnalysisRun has to have some; where analysis
// is required, each has. "Successful" is no evidence: Argo says so of a run that
// was stopped before it measured anything.
func (g *gate) demandEvidence(c conclusion) conclusion {
	var without []string
	with := false
	for _, r := range g.result.Runs {
		switch {
		case r.Evidence():
			with = true
		case r.Complete() || g.running(r):
			without = append(without, r.Name)
		}
	}
	none := "no AnalysisRun of this revision has a good measurement"
	switch {
	case !with && g.RequireAnalysis:
	case !with && c.needsEvidence:
		none = "nothing was measured: no query was given and " + none
	case len(without) > 0 && g.RequireAnalysis:
		none = "AnalysisRun " + strings.Join(without, ", ") + " has no good measurement that counts"
	default:
		for _, name := range without {
			g.result.Warnings = append(g.result.Warnings, "AnalysisRun "+name+" has no good measurement that counts")
		}
		return c
	}
	return conclusion{verdict: Inconclusive, reason: ReasonNoEvidence, message: c.message + ", but " + none}
}

// act does to the Rollout what was asked for: it stops one that the gate found
// bad before Argo did, or lets a good one go on.
func (g *gate) act(ctx context.Context) {
	underWay := !g.state.Promoted() && !g.state.Status.Abort
	var err error
	switch {
	case g.result.Verdict == Failed && underWay && g.OnFail == "abort":
		err, g.result.Acted = g.cluster.Abort(ctx, *g.state), "aborted"
	case g.result.Verdict == Failed && underWay && g.OnFail == "pause":
		err, g.result.Acted = g.cluster.Pause(ctx, *g.state), "paused"
	case g.result.Verdict == Passed && underWay && g.OnPass == "promote" && len(g.state.Status.Pauses) > 0:
		err, g.result.Acted = g.cluster.Promote(ctx, *g.state), "promoted"
	default:
		return
	}
	if err != nil {
		g.result.Acted = ""
		g.result.Warnings = append(g.result.Warnings, err.Error())
		return
	}
	g.Progress("the Rollout is " + g.result.Acted)
}
