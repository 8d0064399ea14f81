package builder

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/buenhyden/hy-home/internal/run"
)

func TestPasses(t *testing.T) {
	for cause, want := range map[string]bool{
		"received unexpected HTTP status: 503 Service Unavailable":                                                           true,
		"failed to push localhost:5001/a: unexpected status from PUT request to http://localhost:5001/v2/a: 502 Bad Gateway": true,
		"failed to push localhost:5001/a: unexpected status from PUT request to http://x/v2/a/manifests/v1: 404 Not Found":   false,
		"failed commit on ref \"layer\": unexpected status: 500 Internal Server Error":                                       true,
		"unknown blob":             true,
		"blob unknown to registry": true,
		"toomanyrequests: You have reached your pull rate limit":              true,
		"write tcp 127.0.0.1:1->127.0.0.1:2: write: connection reset by peer": true,
		"Put \"http://x/v2/\": EOF":                                           true,
		"unexpected EOF":                                                      true,
		"permission_denied: write_package":                                    false,
		"unauthorized: authentication required":                               false,
		"golang:9: not found":                                                 false,
		"process \"/bin/sh -c curl -f http://x: 503 EOF\" did not complete successfully: exit code: 1: unexpected EOF": false,
	} {
		if got := passes(cause); got != want {
			t.Errorf("%q: %t", cause, got)
		}
	}
}

func TestBuild_PushesAgainWhatMayPass(t *testing.T) {
	pauses = [attempts - 1]time.Duration{}
	for stderr, want := range map[string]int{
		"received unexpected HTTP status: 503 Service Unavailable\n": attempts,
		"denied: permission_denied: write_package\n":                 1,
	} {
		pushes := 0
		fake := &run.Fake{Handler: func(c run.Cmd) (run.Result, error) {
			if c.Args[0] == "push" {
				pushes++
				return run.Result{Code: 1, Stdout: "d9bbc823835e: Pushed\n", Stderr: stderr}, nil
			}
			return engine(t).Handler(c)
		}}
		_, err := Build(t.Context(), fake, Tool{CLI: "d", Mode: BuildKit}, options())
		if err == nil || !strings.Contains(stderr, strings.TrimPrefix(err.Error(), "push localhost:5001/shop/backend:v1: ")) || pushes != want {
			t.Errorf("%v after %d, want %d", err, pushes, want)
		}
	}
	// Who is told to stop does not try again.
	ctx, cancel := context.WithCancel(t.Context())
	runs := 0
	b := &build{sink: newSink(nil, nil)}
	_ = b.again(ctx, func() error {
		runs++
		cancel()
		return errors.New("unknown blob")
	})
	if runs != 1 {
		t.Errorf("it was run %d times", runs)
	}
}
