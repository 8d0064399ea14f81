package exit_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/buenhyden/hy-home/internal/exit"
)

func TestCode(t *testing.T) {
	refused := exit.Refusedf("error rate is 12 %%")
	for _, tc := range []struct {
		name string
		err  error
		want int
	}{
		{"none", nil, exit.OK},
		{"plain", errors.New("disk full"), exit.Failed},
		{"bad input", exit.BadInputf("input image is %q", ""), exit.BadInput},
		{"refused", refused, exit.Refused},
		{"inconclusive", exit.Inconclusivef("no data"), exit.Inconclusive},
		{"wrapped keeps its code", fmt.Errorf("canary-gate: %w", refused), exit.Refused},
		{"outermost code wins", exit.Errorf(exit.Failed, "while reporting: %w", refused), exit.Failed},
		{"cancelled", fmt.Errorf("kind: %w", context.Canceled), exit.Cancelled},
		{"deadline is a failure, not a cancellation", context.DeadlineExceeded, exit.Failed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := exit.Code(tc.err); got != tc.want {
				t.Errorf("got %d, want %d", got, tc.want)
			}
		})
	}
}
