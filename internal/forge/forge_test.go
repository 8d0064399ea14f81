package forge

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/buenhyden/hy-home/internal/exit"
)

func TestNew_Endpoints(t *testing.T) {
	for api, want := range map[string]string{
		"https://api.github.com":          "https://api.github.com/graphql",
		"https://api.github.com/":         "https://api.github.com/graphql",
		"https://ghe.example/api/v3":      "https://ghe.example/api/graphql",
		"https://api.tenant.ghe.com":      "https://api.tenant.ghe.com/graphql",
		"http://127.0.0.1:8080":           "http://127.0.0.1:8080/graphql",
		"https://ghe.example:8443/api/v3": "https://ghe.example:8443/api/graphql",
	} {
		c, err := New(Options{API: api, Repository: "acme/infra", Token: "t"})
		if err != nil || c.graphqlURL != want {
			t.Errorf("%s: %q, %v; want %q", api, c.graphqlURL, err, want)
		}
	}
}

func TestNew_Refuses(t *testing.T) {
	for name, tc := range map[string]struct {
		o    Options
		want string
	}{
		"no token":   {Options{API: "https://api.github.com", Repository: "a/b"}, "wants a token"},
		"plain HTTP": {Options{API: "http://ghe.example/api/v3", Repository: "a/b", Token: "s3cret"}, "write https"},
		"no slug":    {Options{API: "https://api.github.com", Repository: "a/b/c", Token: "s3cret"}, "owner/name"},
		"dots":       {Options{API: "https://api.github.com", Repository: "a/..", Token: "s3cret"}, "owner/name"},
		"a password": {Options{API: "https://u:p@ghe.example/api/v3", Repository: "a/b", Token: "s3cret"}, "api-url"},
	} {
		_, err := New(tc.o)
		if exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}

var discard = slog.New(slog.DiscardHandler)

type answers []*http.Response

func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	res := (*a)[0]
	*a = (*a)[1:]
	res.Request = r
	return res, nil
}

// The token goes to the API's host alone, whatever an answer redirects to.
func TestTransport_TokenStaysWithItsHost(t *testing.T) {
	seen := ""
	tr := &transport{host: "api.github.com", o: Options{Token: "s3cret", Log: discard, Transport: roundTrip(func(r *http.Request) { seen = r.Header.Get("Authorization") })}}
	for url, want := range map[string]string{"https://api.github.com/x": "Bearer s3cret", "https://elsewhere.example/x": ""} {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		res, err := tr.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if seen != want {
			t.Errorf("%s: Authorization %q, want %q", url, seen, want)
		}
	}
}

type roundTrip func(*http.Request)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) {
	f(r)
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r}, nil
}

// A wait that GitHub asks for is kept, in each of the ways in which it asks; one that is longer
// than a job's patience is an answer.
func TestTransport_RateLimits(t *testing.T) { synctest.Test(t, testRateLimits) }

// testRateLimits has a clock that stands still unless it is waited for.
func testRateLimits(t *testing.T) {
	in := func(d time.Duration) string { return strconv.FormatInt(time.Now().Add(d).Unix(), 10) }
	const secondary = `{"message":"You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}`
	for name, tc := range map[string]struct {
		status int
		header http.Header
		body   string
		want   int
		pause  time.Duration
	}{
		"in so many seconds":   {403, http.Header{"Retry-After": {"7"}}, "", 200, 7 * time.Second},
		"longer than patience": {403, http.Header{"Retry-After": {"4000"}}, "", 403, 0},
		"nothing is left":      {403, http.Header{"X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {in(time.Minute)}}, "", 200, time.Minute},
		"for an hour":          {429, http.Header{"X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {in(time.Hour)}}, "", 429, 0},
		"too many":             {429, nil, "", 200, time.Minute},
		"in words alone":       {403, nil, secondary, 200, time.Minute},
		"it is forbidden":      {403, nil, `{"message":"Resource not accessible by integration"}`, 403, 0},
		"a gateway's fault":    {502, nil, "<html>", 200, time.Second},
	} {
		var paused time.Duration
		tr := &transport{o: Options{
			Transport: &answers{{StatusCode: tc.status, Header: tc.header, Body: io.NopCloser(strings.NewReader(tc.body))}, {StatusCode: http.StatusOK, Body: http.NoBody}},
			Log:       discard, Progress: func(string) {},
			Wait: func(_ context.Context, d time.Duration) error { paused = d; return nil },
		}}
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://api.github.com/x", nil)
		res, err := tr.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != tc.want || paused != tc.pause || tc.want != 200 && string(text) != tc.body {
			t.Errorf("%s: status %d after %s with %q, want %d after %s", name, res.StatusCode, paused, text, tc.want, tc.pause)
		}
	}
}
