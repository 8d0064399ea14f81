package registry

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"golang.org/x/net/http2"
)

// Retrying sends a request again when the fault is one that passes: the registry
// says 429, 500, 502, 503 or 504, or the connection breaks, also within an answer.
//
// What belongs to an upload under way is sent once: what of it has arrived is not
// known, and to send it again would append it. The library starts such an upload anew.
type Retrying struct {
	Next   http.RoundTripper // nil is the library's own
	Wait   time.Duration     // before the second try, and three times as long before each one after; 0 is half a second
	Budget *Budget           // nil bounds each request alone
}

// Budget is how long the requests of a run may wait together for faults to pass:
// a registry that fails each second request would make every one of them slow.
type Budget struct{ left atomic.Int64 }

// NewBudget gives one of a duration.
func NewBudget(d time.Duration) *Budget {
	b := &Budget{}
	b.left.Store(int64(d))
	return b
}

func (b *Budget) take(d time.Duration) bool { return b == nil || b.left.Add(-int64(d)) >= 0 }

// tries bounds the waiting: half a second, then 1.5 s, then 4.5 s.
const tries = 4

// longestWait is as long as a registry's own Retry-After is followed.
const longestWait = 15 * time.Second

// smallAnswer is up to where an answer is read whole before it is handed on, so that
// a connection cut within it is seen here. No registry takes a larger manifest.
const smallAnswer = 4 << 20

// RoundTrip implements [http.RoundTripper].
func (t Retrying) RoundTrip(r *http.Request) (*http.Response, error) {
	wait := t.Wait
	if wait == 0 {
		wait = 500 * time.Millisecond
	}
	next := t.Next
	if next == nil {
		next = remote.DefaultTransport
	}
	again := !uploading(r) && (r.Body == nil || r.Body == http.NoBody || r.GetBody != nil)
	if again && r.GetBody != nil {
		// Who logs in again where a token has expired sends the same request, whose body is read.
		var err error
		if r, err = fresh(r); err != nil {
			return nil, err
		}
	}
	for n := 1; ; n++ {
		res, err := next.RoundTrip(r)
		if err == nil && r.Method == http.MethodGet {
			err = readSmall(res)
		}
		if !again || !passes(r.Context(), res, err) {
			return answer(res, err)
		}
		pause := wait
		if err == nil {
			pause = retryAfter(res, wait)
		}
		if n == tries || !t.Budget.take(pause) {
			return answer(res, spent(err))
		}
		if err == nil {
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
			if r, err = fresh(r); err != nil {
				return nil, err
			}
		}
	}
}

// fresh is the request with its body unread.
func fresh(r *http.Request) (_ *http.Request, err error) {
	_ = r.Body.Close()
	r = r.Clone(r.Context())
	r.Body, err = r.GetBody()
	return r, err
}

// retryAfter is how long the registry wants to be left alone; without its word, the
// usual pause.
func retryAfter(res *http.Response, usual time.Duration) time.Duration {
	said := res.Header.Get("Retry-After")
	if s, err := strconv.Atoi(said); err == nil && s >= 0 {
		return min(time.Duration(s)*time.Second, longestWait)
	}
	if at, err := http.ParseTime(said); err == nil {
		return min(max(time.Until(at), 0), longestWait)
	}
	return usual
}

// uploading reports whether a request belongs to an upload that was started: its
// address is one that the registry made, of any form.
func uploading(r *http.Request) bool {
	return r.Method == http.MethodPatch || r.Method == http.MethodPut && !strings.Contains(r.URL.Path, "/manifests/")
}

// answer is a response or an error, never both.
func answer(res *http.Response, err error) (*http.Response, error) {
	if err != nil {
		return nil, err
	}
	return res, nil
}

// readSmall has the whole of a small answer in memory.
func readSmall(res *http.Response) error {
	if res.ContentLength < 0 || res.ContentLength > smallAnswer {
		return nil
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	res.Body = io.NopCloser(bytes.NewReader(body))
	return err
}

// passes reports whether the next try may end better.
func passes(ctx context.Context, res *http.Response, err error) bool {
	if err != nil {
		return ctx.Err() == nil && broken(err)
	}
	switch res.StatusCode {
	case http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// broken reports whether a connection that was there is no more.
func broken(err error) bool {
	for _, e := range []error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, e) {
			return true
		}
	}
	var stream http2.StreamError
	return errors.As(err, &stream)
}

// spentError is a fault for which enough was tried: it has the text and the types of
// what it holds, but it is none of the errors for which the library would try again.
type spentError struct{ error }

func (e spentError) As(target any) bool { return errors.As(e.error, target) }

func spent(err error) error {
	if err == nil {
		return nil
	}
	return spentError{err}
}

// uploadPasses reports whether what the library does at once, such as the upload of
// one blob, shall be done anew: its requests are not sent again by [Retrying], and
// registries that spread what they keep forget for a moment what they were given
// ("unknown blob").
func uploadPasses(err error) bool {
	var e *transport.Error
	if !errors.As(err, &e) {
		return broken(err)
	}
	for _, d := range e.Errors {
		switch d.Code {
		case transport.BlobUnknownErrorCode, transport.BlobUploadUnknownErrorCode, transport.BlobUploadInvalidErrorCode, transport.ManifestBlobUnknownErrorCode:
			return true
		}
	}
	return e.Request != nil && uploading(e.Request) && e.Temporary()
}
