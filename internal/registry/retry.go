package registry

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"syscall"
	"time"
)

// Retrying sends a request again when the fault is one that passes: the registry
// says 429, 502, 503 or 504, or the connection breaks. A request whose body cannot
// be had again is sent once.
type Retrying struct {
	Next http.RoundTripper
	Wait time.Duration // before the second try, and three times as long before each one after; 0 is half a second
}

// tries bounds the waiting: half a second, then 1.5 s, then 4.5 s.
const tries = 4

// longestWait is as long as a registry's own Retry-After is followed.
const longestWait = 15 * time.Second

// RoundTrip implements [http.RoundTripper].
func (t Retrying) RoundTrip(r *http.Request) (*http.Response, error) {
	wait := t.Wait
	if wait == 0 {
		wait = 500 * time.Millisecond
	}
	for n := 1; ; n++ {
		res, err := t.Next.RoundTrip(r)
		again := r.Body == nil || r.Body == http.NoBody || r.GetBody != nil
		if n == tries || !again || !passes(r.Context(), res, err) {
			return res, err
		}
		pause := wait
		if res != nil {
			if s, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && s >= 0 {
				pause = min(time.Duration(s)*time.Second, longestWait)
			}
			_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<16)) // the connection can be used again
			_ = res.Body.Close()
		}
		select {
		case <-r.Context().Done():
			return nil, context.Cause(r.Context())
		case <-time.After(pause):
		}
		wait *= 3
		if r.GetBody != nil {
			r = r.Clone(r.Context())
			if r.Body, err = r.GetBody(); err != nil {
				return nil, err
			}
		}
	}
}

// passes reports whether the next try may end better.
func passes(ctx context.Context, res *http.Response, err error) bool {
	if err != nil {
		return ctx.Err() == nil && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE))
	}
	switch res.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}
