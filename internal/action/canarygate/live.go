package canarygate

import (
	"fmt"
	"time"
)

// liveWord is how often a pause says how much of it is left.
const liveWord = 30 * time.Second

// left is the rest of the pause that the Rollout is at, for a line of the log;
// empty when it is at none, or nobody knows when it ends.
func (g *gate) left(now time.Time) string {
	if g.state == nil {
		return ""
	}
	rest := g.state.PauseEnd().Sub(now).Round(time.Second)
	if rest <= 0 {
		return ""
	}
	return fmt.Sprintf(", %s of the pause left", rest)
}

// tell says where the Rollout is while it pauses, and when to say so again.
func (g *gate) tell(now time.Time) {
	rest := g.left(now)
	switch {
	case rest == "":
		g.word = time.Time{}
	case g.word.IsZero(): // the change itself was told just now
		g.word = now.Add(liveWord)
	case !now.Before(g.word):
		g.word = now.Add(liveWord)
		g.Progress(g.result.Changes[len(g.result.Changes)-1].Text + rest)
	}
}
