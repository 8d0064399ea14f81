package main

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"
)

func get(t *testing.T, h http.Handler, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Code, w.Body.String()
}

func TestService_FailsTheShareItIsTold(t *testing.T) {
	for ratio, want := range map[float64]int{0: 0, 0.1: 100, 0.5: 500, 1: 1000} {
		s := newService("v1", "abc", ratio)
		failed := 0
		for range 1000 {
			if code, _ := get(t, s.handler(), "/"); code == http.StatusInternalServerError {
				failed++
			}
		}
		if failed != want {
			t.Errorf("ratio %g: %d of 1000 failed, want %d", ratio, failed, want)
		}
	}
}

func TestService_Metrics(t *testing.T) {
	s := newService(`v"1\`, "abc", 0.5)
	for range 4 {
		get(t, s.handler(), "/")
	}
	get(t, s.handler(), "/health") // not counted: probes are no users
	want := `# HELP app_info What is running; always 1.
# TYPE app_info gauge
app_info{version="v\"1\\",revision="abc"} 1
# HELP http_requests_total Answers to requests for /, by status code.
# TYPE http_requests_total counter
http_requests_total{code="200",revision="abc"} 2
http_requests_total{code="500",revision="abc"} 2
`
	if code, got := get(t, s.handler(), "/metrics"); code != 200 || got != want {
		t.Errorf("%d\n%s\nwant\n%s", code, got, want)
	}
}

func TestService_Paths(t *testing.T) {
	s := newService("v1", "abc", 1)
	for path, want := range map[string]int{"/health": 200, "/live": 200, "/metrics": 200, "/": 500, "/other": 404} {
		if code, _ := get(t, s.handler(), path); code != want {
			t.Errorf("%s: %d, want %d", path, code, want)
		}
	}
	s.stopping.Store(true)
	for path, want := range map[string]int{"/health": 503, "/live": 200} {
		if code, _ := get(t, s.handler(), path); code != want {
			t.Errorf("stopping, %s: %d, want %d", path, code, want)
		}
	}
}

func TestServe_AnswersWhatIsUnderWayBeforeItStops(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	entered, finish := make(chan struct{}), make(chan struct{})
	slow := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-finish
		w.WriteHeader(http.StatusAccepted)
	})
	done, answer := make(chan error, 1), make(chan int, 1)
	go func() { done <- serve(ctx, l, slow, func() { close(finish) }) }()
	go func() {
		resp, err := http.Get("http://" + l.Addr().String())
		if err != nil {
			answer <- 0
			return
		}
		_ = resp.Body.Close()
		answer <- resp.StatusCode
	}()
	<-entered
	cancel()
	if code := <-answer; code != http.StatusAccepted {
		t.Errorf("the request under way got %d", code)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestRunServer_BadInput(t *testing.T) {
	for _, ratio := range []string{"x", "-1", "2", "NaN"} {
		err := runServer(t.Context(), func(name string) string { return map[string]string{"FAIL_RATIO": ratio}[name] })
		if err == nil || !strings.Contains(err.Error(), "FAIL_RATIO") {
			t.Errorf("%s: %v", ratio, err)
		}
	}
}

func TestLoad_CountsFailures(t *testing.T) {
	s := newService("v1", "abc", 0.5)
	server := httptest.NewServer(s.handler())
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	l := newLoad(server.URL)
	go func() {
		for ctx.Err() == nil && l.sent.Load() < 20 {
			time.Sleep(time.Millisecond) // between two looks at the counter; ctx bounds them
		}
		cancel()
	}()
	l.run(ctx, time.Millisecond)
	sent, failed := l.sent.Load(), l.failed.Load()
	if sent < 20 || failed < sent/2-5 || failed > sent/2+5 {
		t.Errorf("%d of %d failed", failed, sent)
	}
	if !regexp.MustCompile(`^\d+ requests, \d+ failed$`).MatchString(l.String()) {
		t.Error(l.String())
	}
}

func TestRunLoad_BadInput(t *testing.T) {
	for _, args := range [][]string{{}, {"-url", "http://x", "-rate", "0"}, {"-url", "http://x", "-rate", "1e9"}} {
		if err := runLoad(t.Context(), args); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
}
