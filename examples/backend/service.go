package main

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// service answers the requests and counts them.
type service struct {
	version, revision string
	failRatio         float64
	stopping          atomic.Bool

	mu     sync.Mutex
	debt   float64     // failures owed: one request fails whenever it reaches 1
	counts map[int]int // answers to / by status code
}

func newService(version, revision string, failRatio float64) *service {
	// Counters start at 0: a rate over a counter that appears with its first
	// request would miss that request.
	return &service{version: version, revision: revision, failRatio: failRatio, counts: map[int]int{http.StatusOK: 0, http.StatusInternalServerError: 0}}
}

func (s *service) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.root)
	mux.HandleFunc("GET /live", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	mux.HandleFunc("GET /health", s.health)
	mux.HandleFunc("GET /metrics", s.metrics)
	return mux
}

func (s *service) root(w http.ResponseWriter, _ *http.Request) {
	code := s.next()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = fmt.Fprintf(w, "{\"version\":%q,\"revision\":%q,\"ok\":%t}\n", s.version, s.revision, code == http.StatusOK)
}

// next chooses the status of one answer and counts it. Failures are spread
// evenly rather than at random: the share is right from the first few requests
// on, and the same in every run.
func (s *service) next() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	code := http.StatusOK
	// A third of a millionth makes up for fractions that have no exact float.
	if s.debt += s.failRatio; s.debt >= 1-3e-7 {
		s.debt--
		code = http.StatusInternalServerError
	}
	s.counts[code]++
	return code
}

// health says whether new requests are welcome.
func (s *service) health(w http.ResponseWriter, _ *http.Request) {
	if s.stopping.Load() {
		http.Error(w, "stopping", http.StatusServiceUnavailable)
		return
	}
	_, _ = io.WriteString(w, "ok\n")
}

func (s *service) metrics(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	_, _ = io.WriteString(w, s.exposition())
}

// exposition is the state of all metrics in Prometheus' text format.
func (s *service) exposition() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	b.WriteString("# HELP app_info What is running; always 1.\n# TYPE app_info gauge\n")
	fmt.Fprintf(&b, "app_info{version=%s,revision=%s} 1\n", quote(s.version), quote(s.revision))
	b.WriteString("# HELP http_requests_total Answers to requests for /, by status code.\n# TYPE http_requests_total counter\n")
	codes := make([]int, 0, len(s.counts))
	for code := range s.counts {
		codes = append(codes, code)
	}
	slices.Sort(codes)
	for _, code := range codes {
		fmt.Fprintf(&b, "http_requests_total{code=%s,revision=%s} %d\n", quote(strconv.Itoa(code)), quote(s.revision), s.counts[code])
	}
	return b.String()
}

// quote writes a label's value: the format knows these three escapes and no other.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(strings.ToValidUTF8(s, "")) + `"`
}
