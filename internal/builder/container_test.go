package builder

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/buenhyden/hy-home/internal/run"
)

// hanging is a program that ends only when it is told to.
type hanging struct{}

func (hanging) Run(ctx context.Context, _ run.Cmd) (run.Result, error) {
	<-ctx.Done()
	return run.Result{}, ctx.Err()
}

// After a cancelled build a removal that hangs takes the time that it may, which with
// the build's own [run.Grace] is less than the runner waits for, and says what is left.
func TestContainer_ARemovalThatHangs(t *testing.T) {
	const runnerWaits = 7500 * time.Millisecond
	synctest.Test(t, func(t *testing.T) {
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		start := time.Now()
		said := (&container{b: &build{runner: hanging{}}, name: "x"}).remove(cancelled)
		if took := time.Since(start); took != removal || run.Grace+took > runnerWaits { // by the clock of the bubble
			t.Errorf("it took %s", took)
		}
		if !strings.HasPrefix(said, "builder x could not be removed and stays until a later run: ") {
			t.Error(said)
		}
	})
}
