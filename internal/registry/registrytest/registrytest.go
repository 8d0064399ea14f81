// Package registrytest is a registry for tests that fails on purpose: a real one,
// and before it whoever spoils requests and answers as a test wants them spoilt.
package registrytest

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
)

// Registry is one that fails as it is told.
type Registry struct {
	URL  string
	Host string // with its port, as in a reference

	next   http.Handler
	mu     sync.Mutex
	faults []*Fault
	seen   []Request
}

// Request is what a client asked for.
type Request struct{ Method, Path, Query string }

// New serves go-containerregistry's own registry, in this process and in memory. It
// keeps the blobs of all repositories in one place, so it cannot tell what is mounted.
func New(t testing.TB) *Registry {
	t.Helper()
	return serve(t, registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(true)))
}

// Before serves what the registry at a URL serves: the test bed's, which is
// distribution, the registry that most others are made from.
func Before(t testing.TB, at string) *Registry {
	t.Helper()
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(u)
			r.Out.Host = r.In.Host // it makes the addresses of uploads from it
		},
		// A client that gave up, and one that was cut off, are what tests are about.
		ErrorLog: log.New(io.Discard, "", 0),
	})
}

func serve(t testing.TB, next http.Handler) *Registry {
	r := &Registry{next: next}
	s := httptest.NewServer(r)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(s.Close)
	r.URL, r.Host = s.URL, strings.TrimPrefix(s.URL, "http://")
	return r
}

// ServeHTTP implements [http.Handler].
func (r *Registry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	r.seen = append(r.seen, Request{req.Method, req.URL.Path, req.URL.RawQuery})
	do := Spoil(nil)
	for _, f := range r.faults {
		if f.left != 0 && (f.On == nil || f.On(req)) {
			f.left--
			do = f.Do
			break
		}
	}
	r.mu.Unlock()
	if do != nil {
		do(w, req, r.next)
		return
	}
	r.next.ServeHTTP(w, req)
}

// Fail makes requests fail from now on, besides those that do already.
func (r *Registry) Fail(f Fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f.left = -1
	if f.Times > 0 {
		f.left = f.Times
	}
	r.faults = append(r.faults, &f)
}

// Mend ends all faults and forgets what was asked.
func (r *Registry) Mend() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults, r.seen = nil, nil
}

// Left is how many times faults with a number are still to come: 0 says that the
// test has met all that it made.
func (r *Registry) Left() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, f := range r.faults {
		n += max(f.left, 0)
	}
	return n
}

// Asked are the requests that were made with a method, or with any, for a path that
// holds a text.
func (r *Registry) Asked(method, text string) []Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []Request
	for _, q := range r.seen {
		if (method == "" || q.Method == method) && strings.Contains(q.Path, text) {
			out = append(out, q)
		}
	}
	return out
}
