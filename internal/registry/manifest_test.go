package registry

import (
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	ggcr "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// faulty is a registry that answers the first requests of a kind as it is told.
type faulty struct {
	mu    sync.Mutex
	left  int
	fault func(http.ResponseWriter)
	next  http.Handler
	asked int
}

func (f *faulty) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.asked++
	bad := f.left > 0
	if bad {
		f.left--
	}
	f.mu.Unlock()
	if bad {
		f.fault(w)
		return
	}
	f.next.ServeHTTP(w, r)
}

func (f *faulty) fail(n int, fault func(http.ResponseWriter)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left, f.fault, f.asked = n, fault, 0
}

func status(code int) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) { w.WriteHeader(code) }
}

func cutOff(w http.ResponseWriter) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}

func serveFaulty(t *testing.T) (*faulty, Repository) {
	t.Helper()
	f := &faulty{next: ggcr.New(ggcr.Logger(log.New(io.Discard, "", 0)))}
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	r, err := ParseRepository("image", strings.TrimPrefix(s.URL, "http://")+"/shop/backend")
	if err != nil {
		t.Fatal(err)
	}
	return f, r
}

// push puts an image for a platform into the repository.
func push(t *testing.T, r Repository, tag, arch string) string {
	t.Helper()
	image, err := random.Image(256, 2)
	if err == nil {
		image, err = mutate.ConfigFile(image, &v1.ConfigFile{OS: "linux", Architecture: arch, Config: v1.Config{Labels: map[string]string{"key": "abc"}}})
	}
	if err == nil {
		err = remote.Write(r.repo.Tag(tag), image)
	}
	if err != nil {
		t.Fatal(err)
	}
	digest, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return digest.String()
}

func TestClient_OutlastsFaultsThatPass(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	f, r := serveFaulty(t)
	digest := push(t, r, "v1", "amd64")
	c := Client{Transport: Retrying{Next: http.DefaultTransport, Wait: time.Millisecond}}
	for name, fault := range map[string]func(http.ResponseWriter){"429": status(429), "502": status(502), "503": status(503), "504": status(504), "cut off": cutOff} {
		f.fail(2, fault)
		if err := c.CheckPush(t.Context(), r); err != nil {
			t.Errorf("%s: permission: %v", name, err)
		}
		f.fail(2, fault)
		if got, err := c.Digest(t.Context(), r, "v1"); err != nil || got != digest {
			t.Errorf("%s: digest: %s, %v", name, got, err)
		}
		f.fail(2, fault)
		if err := c.Tag(t.Context(), r, digest, []string{"again"}); err != nil {
			t.Errorf("%s: tag: %v", name, err)
		}
	}
}

func TestClient_FaultsThatStayAreTold(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	f, r := serveFaulty(t)
	digest := push(t, r, "v1", "amd64")
	c := Client{Transport: Retrying{Next: http.DefaultTransport, Wait: time.Millisecond}}
	f.fail(1<<20, func(w http.ResponseWriter) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"errors":[{"code":"DENIED","message":"permission_denied: write_package"}]}`)
	})
	err := c.Tag(t.Context(), r, digest, []string{"x"})
	if err == nil || !strings.Contains(err.Error(), "permission_denied: write_package") || errors.Is(err, ErrNotFound) {
		t.Errorf("%v", err)
	}
	if f.asked > 2 {
		t.Errorf("a denial was asked %d times", f.asked)
	}
}

func TestRetrying_FollowsRetryAfterAndItsContext(t *testing.T) {
	f := &faulty{next: http.NotFoundHandler()}
	s := httptest.NewServer(f)
	defer s.Close()
	f.fail(3, func(w http.ResponseWriter) {
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	res, err := (&http.Client{Transport: Retrying{Next: http.DefaultTransport, Wait: time.Hour}}).Get(s.URL)
	if err != nil || res.StatusCode != http.StatusNotFound || f.asked != 4 {
		t.Fatalf("%v, %v after %d", res, err, f.asked)
	}
	res.Body.Close()
	f.fail(1<<20, status(503))
	res, err = (&http.Client{Transport: Retrying{Next: http.DefaultTransport, Wait: time.Millisecond}}).Get(s.URL)
	if err != nil || res.StatusCode != http.StatusServiceUnavailable || f.asked != tries {
		t.Fatalf("%v, %v after %d", res, err, f.asked)
	}
	res.Body.Close()
}

func TestClient_ReadAndTag(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	_, r := serveFaulty(t)
	digest := push(t, r, "v1", "amd64")
	if err := (Client{}).Tag(t.Context(), r, digest, []string{"v2", "latest"}); err != nil {
		t.Fatal(err)
	}
	for _, tag := range []string{"v1", "v2", "latest", digest} {
		m, err := Client{}.Read(t.Context(), r, tag)
		if err != nil || m.Digest != digest || m.Labels["key"] != "abc" || len(m.Layers) != 2 || m.Size < 512 || !slices.Equal(m.Platforms, []string{"linux/amd64"}) {
			t.Errorf("%s: %+v, %v", tag, m, err)
		}
	}
	if _, err := (Client{}).Read(t.Context(), r, "none"); !errors.Is(err, ErrNotFound) {
		t.Errorf("%v", err)
	}
	if err := (Client{}).Tag(t.Context(), r, "sha256:"+strings.Repeat("0", 64), []string{"x"}); !errors.Is(err, ErrNotFound) {
		t.Errorf("%v", err)
	}
}

func TestClient_Merge(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	_, r := serveFaulty(t)
	amd, arm := push(t, r, "amd64", "amd64"), push(t, r, "arm64", "arm64")
	digest, err := Client{}.Merge(t.Context(), r, []string{amd, arm}, []string{"v1", "latest"})
	if err != nil {
		t.Fatal(err)
	}
	desc, err := remote.Get(r.repo.Tag("v1"))
	if err != nil || desc.Digest.String() != digest {
		t.Fatalf("%v, %v", desc, err)
	}
	index, err := desc.ImageIndex()
	if err != nil {
		t.Fatal(err)
	}
	list, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range list.Manifests {
		got = append(got, m.Platform.String()+" "+m.Digest.String())
	}
	if want := []string{"linux/amd64 " + amd, "linux/arm64 " + arm}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if m, err := (Client{}).Read(t.Context(), r, "v1"); err != nil || !slices.Equal(m.Platforms, []string{"linux/amd64", "linux/arm64"}) {
		t.Errorf("%q, %v", m.Platforms, err)
	}
	// What was merged can be merged again, with one more.
	s390x := push(t, r, "s390x", "s390x")
	if _, err := (Client{}).Merge(t.Context(), r, []string{digest, s390x}, []string{"v2"}); err != nil {
		t.Error(err)
	}
	if _, err := (Client{}).Merge(t.Context(), r, []string{digest, amd}, []string{"v3"}); err == nil || !strings.Contains(err.Error(), "both for linux/amd64") {
		t.Errorf("%v", err)
	}
}
