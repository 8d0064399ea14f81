package cache

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	ggcr "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// upstream is a registry that counts what is fetched from it, and asks for a
// password if it has one.
type upstream struct {
	mu       sync.Mutex
	gets     map[string]int // of each blob
	password string
	url      string // as the containers reach it
	local    string // host:port as this test reaches it
}

func newUpstream(t *testing.T) *upstream {
	t.Helper()
	u := &upstream{gets: map[string]int{}}
	l, err := net.Listen("tcp", "0.0.0.0:0") //nolint:gosec // the containers come from another network
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	u.url, u.local = fmt.Sprintf("http://%s:%d", gateway, port), fmt.Sprintf("127.0.0.1:%d", port)
	registry := ggcr.New(ggcr.Logger(log.New(io.Discard, "", 0)))
	s := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The test itself pushes from loopback.
		if user, password, _ := r.BasicAuth(); u.password != "" && !strings.HasPrefix(r.RemoteAddr, "127.") && (user != "me" || password != u.password) {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if _, digest, ok := strings.Cut(r.URL.Path, "/blobs/"); ok && r.Method == http.MethodGet {
			u.mu.Lock()
			u.gets[digest]++
			u.mu.Unlock()
			time.Sleep(100 * time.Millisecond) // long enough for three to ask at once
		}
		registry.ServeHTTP(w, r)
	})}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	return u
}

func (u *upstream) push(t *testing.T, repository string) v1.Image {
	t.Helper()
	image, err := random.Image(1<<20, 4)
	if err != nil {
		t.Fatal(err)
	}
	r, err := name.ParseReference(u.local+"/"+repository, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(r, image); err != nil {
		t.Fatal(err)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	clear(u.gets)
	return image
}

// most is the most that any blob was fetched, and how many were.
func (u *upstream) most() (most, blobs int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, n := range u.gets {
		most = max(most, n)
	}
	return most, len(u.gets)
}
