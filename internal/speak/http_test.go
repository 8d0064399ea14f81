package speak

import (
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/testbed/servers"
)

// web serves a page that anybody may read at /ready, and others.
func web(t *testing.T, id *servers.Identity, h http.HandlerFunc) int {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	if id != nil {
		s.TLS = id.Config(t)
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s.Listener.Addr().(*net.TCPAddr).Port
}

func pages(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/ready":
	case "/mine":
		if user, password, ok := r.BasicAuth(); !ok || user != "app" || password != servers.Password {
			w.WriteHeader(http.StatusUnauthorized)
		}
	case "/busy":
		w.WriteHeader(http.StatusServiceUnavailable)
	case "/away":
		http.Redirect(w, r, "/ready", http.StatusFound)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func TestHTTP(t *testing.T) {
	port := web(t, nil, pages)
	for _, c := range []talk{
		{name: "ready", port: port, target: Target{Path: "/ready"}, said: "200 for GET /ready"},
		{name: "another status", port: port, target: Target{Status: 404}, said: "404 for GET /"},
		{name: "not there", port: port, target: Target{Path: "/none"}, fault: "GET /none answers 404, want 200", final: true},
		{name: "busy", port: port, target: Target{Path: "/busy"}, fault: "GET /busy answers 503, want 200"},
		{name: "elsewhere", port: port, target: Target{Path: "/away"}, fault: "GET /away answers 302, want 200", final: true},
		{name: "with a password", port: port, target: Target{Path: "/mine", User: "app", Password: servers.Password}, said: "200 for GET /mine"},
		{name: "with a wrong one", port: port, target: Target{Path: "/mine", User: "app", Password: "guess"}, fault: "it wants another user or password", final: true},
		{name: "TLS to who has none", port: port, target: Target{TLS: true}, fault: "it speaks no TLS at this port", final: true},
		{name: "something else", port: saying(t, "SSH-2.0-OpenSSH_9.9\r\n"), fault: "GET /: "},
	} {
		c.run(t, catalog.HTTP)
	}
}

func TestHTTP_OverTLS(t *testing.T) {
	right := Target{Path: "/mine", User: "app", Password: servers.Password}
	overTLS(t, catalog.HTTP, right, "200 for GET /mine", func(id *servers.Identity) int {
		port := web(t, id, pages)
		talk{name: "without TLS to who wants it", port: port, target: right, final: true, fault: "GET /mine answers 400, want 200 (it speaks TLS at this port: set tls)"}.run(t, catalog.HTTP)
		return port
	})
}
