package docker

import (
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/exit"
)

// deadPort is where nothing listens: a port that was free a moment ago may be another test's.
const deadPort = "tcp://127.0.0.1:1"

func server(t *testing.T, api string) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", api)
		w.Header().Set("Ostype", "linux")
	}))
	t.Cleanup(s.Close)
	return "tcp://" + strings.TrimPrefix(s.URL, "http://")
}

func TestEngine_MissingIsOneSentenceWithTheCure(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "no.sock")
	for _, tt := range []struct{ name, host, want string }{
		{"no socket", "unix://" + socket, "no Docker engine at unix://" + socket + " (there is no such socket): start it (systemctl start docker), or set DOCKER_HOST or DOCKER_CONTEXT"},
		{"nobody listens", deadPort, "(connection refused): start it"},
		{"malformed", "ftp://localhost", `DOCKER_HOST "ftp://localhost" cannot be used`},
		{"too old", server(t, "1.40"), "speaks API 1.40: 1.41 (Docker 20.10) or newer is needed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := (&Engine{Host: tt.host}).Client(context.Background())
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if exit.Code(err) != exit.BadInput {
				t.Errorf("exit code %d, want %d", exit.Code(err), exit.BadInput)
			}
		})
	}
}

func TestEngine_LostIsOneThatHasAnswered(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Api-Version", "1.41") }))
	e := &Engine{Host: "tcp://" + strings.TrimPrefix(s.URL, "http://")}
	t.Cleanup(func() { _ = e.Close() })
	if err := e.Lost(t.Context()); err != nil {
		t.Errorf("never asked: %v", err)
	}
	if _, err := e.Client(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := e.Lost(t.Context()); err != nil {
		t.Errorf("it answers: %v", err)
	}
	s.Close()
	if err := e.Lost(t.Context()); err == nil || err.Error() != "the Docker engine at "+e.Host+" does not answer any more" {
		t.Errorf("got %v", err)
	}
}

func TestEngine_ConnectsOnce(t *testing.T) {
	e := &Engine{Host: server(t, "1.41")}
	a, err := e.Client(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	b, err := e.Client(context.Background())
	if err != nil || a != b {
		t.Errorf("second call gave another client, or %v", err)
	}
	if a.ClientVersion() != "1.41" {
		t.Errorf("negotiated %s, want 1.41", a.ClientVersion())
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
}
