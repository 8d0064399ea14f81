package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/buenhyden/hy-home/internal/dns"
	"github.com/buenhyden/hy-home/internal/engine"
)

func TestRun_RetriesTransientErrorsWithinTheBudget(t *testing.T) {
	for _, tc := range []struct {
		name       string
		mark       func(error) error
		budget     time.Duration
		fewest     int32
		most       int32
		long, text string
	}{
		// Pauses of at most 1, 2, 4, 5, 5, ... s, of at least half of that.
		{"transient", engine.Transient, time.Minute, 13, 27, "1m0s", "pull: connection reset (tried "},
		{"final", func(err error) error { return err }, time.Minute, 1, 1, "0s", "pull: connection reset"},
		// A name that DNS does not know is asked for again, but not for long.
		{"an unknown name", func(err error) error {
			return engine.Transient(fmt.Errorf("%w: %w", err, &dns.UnknownError{Host: "ghcr.oi"}))
		}, time.Minute, 3, 5, "5s", "pull: connection reset: DNS knows no host ghcr.oi: is the name right? (tried "},
		{"no budget", engine.Transient, -1, 1, 1, "0s", "pull: connection reset"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var tries atomic.Int32
				begin := time.Now()
				_, err := engine.Run(t.Context(), []engine.Node{{ID: "pull", Run: func(context.Context, func(string)) (engine.Outcome, error) {
					tries.Add(1)
					return "", tc.mark(errors.New("connection reset"))
				}}}, engine.Options{Budget: tc.budget})
				if n := tries.Load(); err == nil || !strings.HasPrefix(err.Error(), tc.text) || n < tc.fewest || n > tc.most {
					t.Fatalf("%d tries, error %v", n, err)
				}
				most, _ := time.ParseDuration(tc.long)
				if took := time.Since(begin); took > most || took < most-5*time.Second {
					t.Errorf("gave up after %s, want at most %s and not much less", took, most)
				}
			})
		})
	}
}

// A fault that passes within the budget is not a failure.
func TestRun_OutlastsAPassingFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		results, err := engine.Run(t.Context(), []engine.Node{{ID: "pool", Run: func(context.Context, func(string)) (engine.Outcome, error) {
			if time.Since(begin) < 30*time.Second {
				return "", engine.Transient(errors.New("failed calling webhook"))
			}
			return engine.Created, nil
		}}}, engine.Options{})
		if err != nil || results[0].Outcome != engine.Created || time.Since(begin) > 35*time.Second {
			t.Errorf("got %v after %s, %+v", err, time.Since(begin), results[0])
		}
	})
}

func TestRun_OutOfTimeNamesWhatWasWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errors.New("the platform is not up after 1m0s"))
		defer cancel()
		wait := engine.Node{ID: "web", Timeout: time.Hour, Run: func(ctx context.Context, _ func(string)) (engine.Outcome, error) {
			<-ctx.Done()
			return "", errors.New("deployment shop/web is not ready: 0/1")
		}}
		_, err := engine.Run(ctx, []engine.Node{wait, work("after", 0, nil, "web")}, engine.Options{})
		if want := "the platform is not up after 1m0s; at work: web: deployment shop/web is not ready: 0/1"; err == nil || err.Error() != want || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want %s", err, want)
		}
	})
}

// It is a failure, also where the last that was seen may pass.
func TestRun_TimeoutSaysHowLongItWaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		n := engine.Node{ID: "stuck", Timeout: 90 * time.Second, Run: func(ctx context.Context, _ func(string)) (engine.Outcome, error) {
			tries++
			<-ctx.Done()
			return "", engine.Transient(errors.New("connection refused"))
		}}
		_, err := engine.Run(t.Context(), []engine.Node{n}, engine.Options{})
		if err == nil || err.Error() != "stuck: not done after 1m30s: connection refused" || tries != 1 {
			t.Errorf("error is %v after %d tries", err, tries)
		}
	})
}

func TestRun_PanicIsThatNodesFailure(t *testing.T) {
	_, err := engine.Run(t.Context(), []engine.Node{{ID: "driver", Run: func(context.Context, func(string)) (engine.Outcome, error) {
		panic("nil map")
	}}}, engine.Options{})
	if err == nil || err.Error() != "driver: panic: nil map" {
		t.Errorf("error is %v", err)
	}
}
