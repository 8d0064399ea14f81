package rollout

import (
	"net/http"
	"os"
	"strings"
	"sync/atomic"
)

// renewing asks once more when credentials are refused. A token's file is read
// again then, which client-go does once a minute; the command of a kubeconfig has
// been run again by client-go itself.
type renewing struct {
	next      http.RoundTripper
	tokenFile string // may be empty
}

// RoundTrip implements http.RoundTripper.
func (t renewing) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.next.RoundTrip(r)
	if err != nil || resp.StatusCode != http.StatusUnauthorized || (r.Body != nil && r.GetBody == nil) {
		return resp, err
	}
	again := r.Clone(r.Context())
	if r.Body != nil {
		if again.Body, err = r.GetBody(); err != nil {
			return resp, nil // what was answered stands
		}
	}
	if token, err := os.ReadFile(t.tokenFile); err == nil {
		again.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	}
	resp.Body.Close()
	return t.next.RoundTrip(again)
}

// countingTransport counts requests.
type countingTransport struct {
	next  http.RoundTripper
	calls *atomic.Int64
}

// RoundTrip implements http.RoundTripper.
func (t countingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	t.calls.Add(1)
	return t.next.RoundTrip(r)
}
