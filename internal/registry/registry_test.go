package registry

import (
	"errors"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/registry/registrytest"
)

// in is a repository of a registry that asks nobody who they are.
func in(t *testing.T, at *registrytest.Registry) Repository {
	t.Helper()
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	r, err := ParseRepository("image", at.Host+"/shop/backend")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// push puts an image for a platform into the repository.
func push(t *testing.T, r Repository, tag, arch string) string {
	t.Helper()
	return registrytest.Push(t, r.Tag(tag), arch, map[string]string{"key": "abc"})
}

func digestOf(t *testing.T, of interface{ Digest() (v1.Hash, error) }) string {
	t.Helper()
	digest, err := of.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return digest.String()
}

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

func TestClient_Digest(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	r := in(t, registrytest.New(t))
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
