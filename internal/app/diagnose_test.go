package app

import (
	"testing"
	"time"

	"github.com/buenhyden/hy-home/internal/run"
)

// Whatever a cancelled run waited for its programs, its diagnostics leave the margin for
// the way out, and are gathered.
func TestGatherFor_LeavesTheWayOut(t *testing.T) {
	for sinceEnd := time.Duration(0); sinceEnd <= run.Grace; sinceEnd += run.Grace / 6 {
		limit := gatherFor(sinceEnd)
		if limit < time.Second || sinceEnd+limit+answerMargin > answerWithin {
			t.Errorf("%s after the signal they have %s", sinceEnd, limit)
		}
	}
	if limit := gatherFor(time.Minute); limit != time.Second {
		t.Errorf("where it is late already they have %s", limit)
	}
}
