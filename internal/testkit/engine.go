package testkit

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// Engine is a Docker engine's API behind a Unix socket, which knows who it is and nothing
// else: arch is asked for the processor that it builds for, and may take its time. It
// gives the address.
func Engine(t testing.TB, arch func() string) (host string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "engine") // the test's own directory may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("API-Version", "1.48")
		w.Header().Set("Ostype", runtime.GOOS)
		if strings.HasSuffix(r.URL.Path, "/version") {
			fmt.Fprintf(w, `{"Version":"28.0.4","Os":%q,"Arch":%q}`, runtime.GOOS, arch())
		}
	}))
	s.Listener = l
	s.Start()
	t.Cleanup(s.Close)
	return "unix://" + socket
}
