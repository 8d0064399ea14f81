package app

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/buenhyden/hy-home/internal/docker"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/pull"
)

// failingEngine has no image, and says why it cannot pull one. pulls counts.
func failingEngine(t *testing.T, why string) (e *docker.Engine, pulls *int) {
	pulls = new(int)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", docker.MinAPI)
		w.Header().Set("Content-Type", "application/json")
		switch {
		case strings.HasSuffix(r.URL.Path, "/_ping"):
		case strings.HasSuffix(r.URL.Path, "/images/create"):
			*pulls++
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprintf(w, `{"message":%q}`, why)
		default:
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"message":"No such image"}`)
		}
	}))
	t.Cleanup(s.Close)
	e = &docker.Engine{Host: "tcp://" + strings.TrimPrefix(s.URL, "http://")}
	t.Cleanup(func() { _ = e.Close() })
	return e, pulls
}

// The texts are the Docker engine's. The clock moves while a try is waited for.
func TestEnginePull_AnUnknownHostIsToldSoon(t *testing.T) {
	for _, tt := range []struct {
		why          string
		fewest, most int // pulls: the pauses are random
		want         string
	}{
		{`Get "https://ghcr.oi/v2/": dial tcp: lookup ghcr.oi on 127.0.0.53:53: no such host`, 3, 5,
			"pull: pull image ghcr.oi/acme/web:1: DNS knows no host ghcr.oi: is the name right? (tried "},
		{`Get "https://ghcr.oi/v2/": dial tcp: lookup ghcr.oi on 127.0.0.53:53: server misbehaving`, 20, 60, "server misbehaving (tried "},
		{`manifest for ghcr.oi/acme/web:1 not found: manifest unknown`, 1, 1, "pull: pull image ghcr.oi/acme/web:1: " + docker.ErrNotInRegistry.Error()},
	} {
		e, pulls := failingEngine(t, tt.why)
		clock := time.Unix(0, 0)
		_, err := engine.Run(t.Context(), []engine.Node{{ID: "pull", Run: func(ctx context.Context, progress func(string)) (engine.Outcome, error) {
			_, err := enginePull(e)(ctx, pull.Request{Ref: "ghcr.oi/acme/web:1", Username: "nobody"}, progress)
			return engine.Created, err
		}}}, engine.Options{Now: func() time.Time { return clock }, Sleep: func(_ context.Context, d time.Duration) error {
			clock = clock.Add(d)
			return nil
		}})
		if err == nil || !strings.Contains(err.Error(), tt.want) || *pulls < tt.fewest || *pulls > tt.most {
			t.Errorf("%s:\n%d pulls, %v", tt.why, *pulls, err)
		}
	}
}
