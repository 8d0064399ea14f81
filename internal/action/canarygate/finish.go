package canarygate

import (
	"context"
	"fmt"
	"time"

	"github.com/buenhyden/hy-home/internal/rollout"
)

// runPatience is how long an AnalysisRun may outlive the end of the Rollout that
// it is to be evidence for. Argo stops what runs in the background only then.
const runPatience = 15 * time.Second

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
	if c = g.weigh(ctx, c, now); c.verdict == "" {
		return false
	}
	g.complete(ctx, c)
	return true
}

// outOfTime is the end of a gate that came to no other. What Argo's own analysis
// says of the revision counts although the Rollout has not acted upon it.
func (g *gate) outOfTime(ctx context.Context) {
	c := conclusion{verdict: Inconclusive, reason: ReasonTimeout, message: fmt.Sprintf("out of time after %s: %s", g.Timeout, g.standing())}
	if g.judgeable() && g.decision.Answer == rollout.Wait {
		c = g.weigh(ctx, c, time.Now())
	}
	if g.state == nil {
		g.conclude(c.verdict, c.reason, c.message)
		return
	}
	g.complete(ctx, c)
}

// complete notes the verdict with all that is shown beside it, and acts upon it.
func (g *gate) complete(ctx context.Context, c conclusion) {
	g.result.Warnings = append(g.result.Warnings, rollout.Warnings(*g.state)...)
	if c.reason == ReasonCondition {
		broken := fmt.Sprintf("%s does not hold", g.Condition)
		if g.FailureCondition != "" { // it decides over failures, also beside a condition
			broken = fmt.Sprintf("%s holds", g.FailureCondition)
		}
		c.message = broken + ": " + c.message
	}
	g.conclude(c.verdict, c.reason, c.message)
	g.result.Settled = g.settled(c)
	sum := g.sum(g.end)
	g.result.Score, g.result.Groups = sum.score, sum.groups
	g.act(ctx)
	g.baselines(ctx)
	g.result.Message += g.beside()
}

// weigh lists the AnalysisRuns and puts what they say into a conclusion that rests
// on the Rollout. One without a verdict is to be asked for again: a run that is
// evidence has not ended yet.
func (g *gate) weigh(ctx context.Context, c conclusion, now time.Time) conclusion {
	if !g.judgeable() {
		return c
	}
	runs, err := g.cluster.Runs(ctx, *g.state)
	if err != nil {
		g.result.Warnings = append(g.result.Warnings, "the AnalysisRuns could not be read: "+err.Error())
	}
	g.result.Runs = runs
	if c.reason != g.decision.Reason && c.reason != ReasonTimeout { // it rests on what the gate saw itself
		return c
	}
	last := g.end.Add(runPatience)
	d, without := rollout.Weigh(*g.state, g.decision, runs, rollout.Demand{
		Some: c.needsEvidence, Each: g.RequireAnalysis, Until: g.until, Over: !now.Before(last),
	})
	switch {
	case c.reason == ReasonTimeout && d.Answer == rollout.Wait:
		return c
	case d.Answer == rollout.Wait:
		// Twice as long each time: few requests, and at once where it takes no time.
		if g.recheck = now.Add(max(200*time.Millisecond, now.Sub(g.end))); g.recheck.After(last) {
			g.recheck = last
		}
		return conclusion{}
	case d.Answer == g.decision.Answer && d.Answer != rollout.Pass:
		c.reason, c.message = d.Reason, d.Message
	case d.Reason != g.decision.Reason:
		but := d.Message
		if c.needsEvidence && d.Reason == ReasonNoEvidence {
			but = "nothing was measured: no query was given and " + but
		}
		c = conclusion{verdict: Inconclusive, reason: d.Reason, message: c.message + ", but " + but}
		if d.Answer == rollout.Fail {
			c.verdict = Failed
		}
	}
	for _, name := range without {
		g.result.Warnings = append(g.result.Warnings, "AnalysisRun "+name+" has no good measurement that counts")
	}
	return c
}

// settled is when that was seen which led to the verdict.
func (g *gate) settled(c conclusion) time.Time {
	switch {
	case c.verdict == Passed:
		return g.end
	case c.reason == ReasonTimeout:
		return time.Time{}
	case c.reason == ReasonCondition || c.reason == ReasonCheck || c.reason == ReasonMarginal || c.reason == ReasonNoData:
		at := g.end
		for _, k := range g.checks {
			if n := len(k.result.Measurements); n > 0 {
				at = later(at, k.result.Measurements[n-1].Time)
			}
		}
		return at
	}
	return g.sighted
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
