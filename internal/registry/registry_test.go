package registry

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	ggcr "github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/buenhyden/hy-home/internal/exit"
)

func TestParseRepository(t *testing.T) {
	digest := "sha256:" + strings.Repeat("a", 64)
	for value, want := range map[string]string{
		"ghcr.io/acme/shop/backend":           "",
		"localhost:5001/shop/backend":         "",
		"127.0.0.1:5001/ab":                   "",
		"backend":                             "",
		"":                                    "is empty",
		"https://ghcr.io/acme/x":              `as in "ghcr.io/acme/x"`,
		"ghcr.io/acme/x:v1":                   `as in "ghcr.io/acme/x"`,
		"localhost:5001/shop/backend:v2":      `as in "localhost:5001/shop/backend"`,
		"ghcr.io/acme/x@" + digest:            `as in "ghcr.io/acme/x"`,
		"ghcr.io/Acme/X":                      `as in "ghcr.io/acme/x"`,
		"ghcr.io/acme/x y":                    "no spaces",
		"ghcr.io/acme/$x":                     "no repository",
		"-x":                                  "starts and ends",
		"ghcr.io/a//b":                        "no repository",
		"ghcr.io/" + strings.Repeat("a", 300): "no repository",
	} {
		r, err := ParseRepository("image", value)
		if want == "" {
			if err != nil || r.String() != value {
				t.Errorf("%q: %v, %v", value, r, err)
			}
			continue
		}
		if exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", value, err, want)
		}
	}
}

func TestCheckTag(t *testing.T) {
	for tag, ok := range map[string]bool{"v1.2.3": true, "_x": true, "A-b_c.d": true, "": false, "-x": false, ".x": false, "a/b": false, "a b": false, "a\nb": false, strings.Repeat("a", 129): false} {
		if err := CheckTag("tags", tag); (err == nil) != ok || err != nil && exit.Code(err) != exit.BadInput {
			t.Errorf("%q: %v", tag, err)
		}
	}
}

// serve starts a registry in memory; with a user it asks for a password.
func serve(t *testing.T, user, password string) Repository {
	t.Helper()
	handler := ggcr.New(ggcr.Logger(log.New(io.Discard, "", 0)))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u, p, _ := r.BasicAuth(); user != "" && (u != user || p != password) {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`)
			return
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	r, err := ParseRepository("image", strings.TrimPrefix(s.URL, "http://")+"/shop/backend")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestClient_CheckPush(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	if err := (Client{}).CheckPush(t.Context(), serve(t, "", "")); err != nil {
		t.Errorf("open registry: %v", err)
	}
	r := serve(t, "me", "secret")
	if err := (Client{Credentials: Credentials{"me", "secret"}}).CheckPush(t.Context(), r); err != nil {
		t.Errorf("right password: %v", err)
	}
	err := Client{Credentials: Credentials{"me", "wr0ng"}}.CheckPush(t.Context(), r)
	if exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), "user me") || strings.Contains(err.Error(), "wr0ng") {
		t.Errorf("wrong password: %v", err)
	}
	if err := (Client{}).CheckPush(t.Context(), r); exit.Code(err) != exit.BadInput {
		t.Errorf("no password: %v", err)
	}
}

func TestClient_UsesTheDockerConfiguration(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("DOCKER_CONFIG", dir)
	r := serve(t, "me", "secret")
	auth := base64.StdEncoding.EncodeToString([]byte("me:secret"))
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(`{"auths":{"`+r.Host()+`":{"auth":"`+auth+`"}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := (Client{}).CheckPush(t.Context(), r); err != nil {
		t.Error(err)
	}
}

func TestClient_CheckPushEndsWithItsContext(t *testing.T) {
	block := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-block:
		}
	}))
	t.Cleanup(func() { close(block); s.Close() })
	r, err := ParseRepository("image", strings.TrimPrefix(s.URL, "http://")+"/x/y")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := (Client{}).CheckPush(ctx, r); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

func TestClient_Digest(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	r := serve(t, "", "")
	img, err := random.Image(64, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(r.repo.Tag("v1"), img); err != nil {
		t.Fatal(err)
	}
	want, _ := img.Digest()
	for _, name := range []string{"v1", want.String()} {
		if got, err := (Client{}).Digest(t.Context(), r, name); err != nil || got != want.String() {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
	config, _ := img.ConfigName()
	for _, name := range []string{"v2", config.String()} {
		if _, err := (Client{}).Digest(t.Context(), r, name); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestClient_DeadRegistryIsNamed(t *testing.T) {
	r, err := ParseRepository("image", "127.0.0.1:1/x/y")
	if err != nil {
		t.Fatal(err)
	}
	if err := (Client{}).CheckPush(t.Context(), r); err == nil || !strings.Contains(err.Error(), "127.0.0.1:1") || exit.Code(err) != exit.Failed {
		t.Errorf("%v", err)
	}
}

func TestCredentials_NeverShowThePassword(t *testing.T) {
	if got := (Credentials{"me", "secret"}).String(); got != "me:***" {
		t.Error(got)
	}
}
