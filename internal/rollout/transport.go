package rollout

import (
	"errors"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
)

// renewing takes credentials as they are now: a token out of its file, which
// client-go reads once a minute, and, when they were refused, what the command of a
// kubeconfig prints, which client-go has then run again by itself. While what it
// printed anew is refused too, each call is sent once.
type renewing struct {
	next      http.RoundTripper
	tokenFile string // may be empty
	command   bool
	stale     *atomic.Bool // the last that the command printed was refused
}

// RoundTrip implements http.RoundTripper.
func (t renewing) RoundTrip(r *http.Request) (*http.Response, error) {
	if token, err := os.ReadFile(t.tokenFile); err == nil {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	}
	resp, err := t.next.RoundTrip(r)
	if err != nil || !t.command {
		return resp, err
	}
	if resp.StatusCode != http.StatusUnauthorized {
		t.stale.Store(false)
		return resp, nil
	}
	if t.stale.Load() || (r.Body != nil && r.GetBody == nil) {
		return resp, nil
	}
	again := r.Clone(r.Context())
	if r.Body != nil {
		if again.Body, err = r.GetBody(); err != nil {
			return resp, nil // what was answered stands
		}
	}
	resp.Body.Close()
	resp, err = t.next.RoundTrip(again)
	t.stale.Store(err == nil && resp.StatusCode == http.StatusUnauthorized)
	return resp, err
}

// countingTransport counts requests. What found no server is none: while it
// restarts, connections are refused at no cost to anybody.
type countingTransport struct {
	next  http.RoundTripper
	calls *atomic.Int64
}

// RoundTrip implements http.RoundTripper.
func (t countingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.next.RoundTrip(r)
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "dial" {
		t.calls.Add(1)
	}
	return resp, err
}
