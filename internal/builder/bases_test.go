package builder

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/docker"
)

func TestHolds(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("API-Version", "1.48")
		switch {
		case strings.HasSuffix(r.URL.Path, "/images/redis:7/json"):
			_, _ = w.Write([]byte(`{"Os":"linux","Architecture":"amd64","RepoDigests":["other@sha256:0","redis@sha256:1"]}`))
		case strings.Contains(r.URL.Path, "/images/"):
			http.Error(w, `{"message":"no such image"}`, http.StatusNotFound)
		}
	}))
	t.Cleanup(s.Close)
	here := &docker.Engine{Host: "tcp://" + s.Listener.Addr().String()}
	for _, c := range []struct {
		tool  Tool
		bases map[string]string
		want  bool
	}{
		{Tool{Platform: "linux/amd64", api: here}, map[string]string{"redis:7": "sha256:1"}, true},
		{Tool{Platform: "linux/amd64", api: here}, nil, true}, // from scratch
		{Tool{Platform: "linux/amd64", api: here}, map[string]string{"redis:7": "sha256:2"}, false},
		{Tool{Platform: "linux/arm64", api: here}, map[string]string{"redis:7": "sha256:1"}, false},
		{Tool{Platform: "linux/amd64", api: here}, map[string]string{"redis:7": "sha256:1", "python:3": "sha256:1"}, false},
		{Tool{Platform: "linux/amd64", api: &docker.Engine{Host: "unix:///nowhere"}}, map[string]string{"redis:7": "sha256:1"}, false},
		{Tool{Platform: "linux/amd64"}, map[string]string{"redis:7": "sha256:1"}, false}, // another engine, for all that is known
	} {
		if got := c.tool.Holds(t.Context(), c.bases); got != c.want {
			t.Errorf("%v of %q", got, c.bases)
		}
	}
}
