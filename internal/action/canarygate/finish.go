package canarygate

import (
	"context"
	"fmt"
	"time"

	"github.com/buenhyden/hy-home/internal/rollout"
)

// finish asks for the verdict and, when there is one, completes it with what
// only the cluster knows: the AnalysisRuns. They are listed once, here, because
// nothing before the end depends on them.
func (g *gate) finish(ctx context.Context) bool {
	if g.state == nil {
		return false
	}
	c := conclude(g.facts())
	if c.verdict == "" {
		return false
	}
	if g.judgeable() {
		runs, err := g.cluster.Runs(ctx, *g.state)
		if err != nil {
			g.result.Warnings = append(g.result.Warnings, "the AnalysisRuns could not be read: "+err.Error())
		}
		g.result.Runs = runs
	}
	g.result.Warnings = append(g.result.Warnings, rollout.Warnings(*g.state)...)
	if c.needsEvidence && !evidence(g.result.Runs) {
		c = conclusion{
			verdict: Inconclusive, reason: ReasonNoEvidence,
			message: c.message + ", but nothing was measured: no query was given and no AnalysisRun of this revision has a good measurement",
		}
	}
	c = g.withCause(c)
	g.conclude(c.verdict, c.reason, c.message)
	g.result.Settled = g.settled(c)
	g.result.Score = g.sum(g.end).score
	g.act(ctx)
	g.baselines(ctx)
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

func evidence(runs []rollout.Run) bool {
	for _, r := range runs {
		if r.Evidence() {
			return true
		}
	}
	return false
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
	g.result.Aborted = g.result.Acted == "aborted"
	g.Progress("the Rollout is " + g.result.Acted)
}
