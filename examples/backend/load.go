package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// load sends requests at a steady rate, whatever the answers are, and counts them.
type load struct {
	url    string
	client *http.Client
	sent   atomic.Int64
	failed atomic.Int64 // 5xx, and no answer at all
}

func newLoad(url string) *load {
	return &load{url: url, client: &http.Client{
		Timeout: 5 * time.Second,
		// A connection for each request: a kept one would stay with the pod it
		// was made to, and the canary would never see its share.
		Transport: &http.Transport{DisableKeepAlives: true, Proxy: http.ProxyFromEnvironment},
	}}
}

// atOnce bounds the requests under way, so that a service that hangs cannot
// fill the memory; ticks beyond it are let go.
const atOnce = 200

func (l *load) run(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	slots := make(chan struct{}, atOnce)
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		select {
		case slots <- struct{}{}:
			wg.Go(func() {
				l.one(ctx)
				<-slots
			})
		default:
		}
	}
}

func (l *load) one(ctx context.Context) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, l.url, nil)
	if err != nil {
		l.count(false)
		return
	}
	resp, err := l.client.Do(req)
	if err != nil {
		if ctx.Err() == nil {
			l.count(false)
		}
		return
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	l.count(resp.StatusCode < http.StatusInternalServerError)
}

func (l *load) count(ok bool) {
	l.sent.Add(1)
	if !ok {
		l.failed.Add(1)
	}
}

func (l *load) String() string {
	return fmt.Sprintf("%d requests, %d failed", l.sent.Load(), l.failed.Load())
}
