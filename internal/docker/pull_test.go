package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/image"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/buenhyden/hy-home/internal/dns"
	"github.com/buenhyden/hy-home/internal/testkit"
)

func TestFollow(t *testing.T) {
	var told []string
	tell := func(s string) { told = append(told, s) }
	downloading := func(id string, n int) string {
		return fmt.Sprintf(`{"status":"Downloading","id":%q,"progressDetail":{"current":%d,"total":1}}`+"\n", id, n)
	}
	err := follow(strings.NewReader(`{"status":"Pulling from library/redis","id":"7"}`+"\n"+
		downloading("a", 10<<20)+downloading("b", 60<<20)+downloading("a", 70<<20)+downloading("b", 64<<20)+`{"status":"Download complete","id":"a"}`), tell)
	if err != nil || strings.Join(told, ",") != "pulled 70 MiB,pulled 134 MiB" {
		t.Errorf("told %q, %v", told, err)
	}
	// A mistyped registry is no missing image.
	err = follow(strings.NewReader(`{"error":"Get \"https://ghcr.oi/v2/\": dial tcp: lookup ghcr.oi on 127.0.0.53:53: no such host"}`), tell)
	if unknown := (*dns.UnknownError)(nil); !errors.As(err, &unknown) || unknown.Host != "ghcr.oi" || errors.Is(err, ErrNotInRegistry) {
		t.Errorf("got %v", err)
	}
	for text, final := range map[string]bool{
		`{"errorDetail":{"message":"x"},"error":"manifest for redis:8 not found: manifest unknown: manifest unknown"}`: true,
		`{"error":"unauthorized: incorrect username or password"}`:                                                     true,
		`{"error":"toomanyrequests: You have reached your pull rate limit"}`:                                           false,
		`{"error":"Get https://quay.io/v2/: net/http: TLS handshake timeout"}`:                                         false,
		`{"status":`: false, // the connection was cut
	} {
		if err := follow(strings.NewReader(text), tell); err == nil || errors.Is(err, ErrNotInRegistry) != final {
			t.Errorf("%s: %v, final %v", text, err, final)
		}
	}
}

// On a real engine, from a registry of this test's own.
func TestPull(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it needs the engine")
	}
	e := &Engine{Getenv: os.Getenv}
	cli, err := e.Client(t.Context())
	if err != nil {
		testkit.Missing(t, "no engine: %v", err)
	}
	s := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(s.Close)
	ref := strings.TrimPrefix(s.URL, "http://") + fmt.Sprintf("/hyt-%d/app:1", os.Getpid())
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		list, _ := cli.ImageList(ctx, image.ListOptions{All: true})
		for _, i := range list {
			if strings.Contains(fmt.Sprint(i.RepoTags, i.RepoDigests), strings.TrimSuffix(ref, ":1")) {
				_, _ = cli.ImageRemove(ctx, i.ID, image.RemoveOptions{Force: true})
			}
		}
	})
	push := func() (digest string) {
		img, err := random.Image(500, 2)
		if err != nil {
			t.Fatal(err)
		}
		r, err := name.ParseReference(ref)
		if err != nil {
			t.Fatal(err)
		}
		if err := remote.Write(r, img); err != nil {
			t.Fatal(err)
		}
		d, err := img.Digest()
		if err != nil {
			t.Fatal(err)
		}
		return d.String()
	}
	pulls := func(digest string) bool {
		t.Helper()
		pulled, err := e.Pull(t.Context(), ref, digest, Login{}, func(s string) { t.Log(s) })
		if err != nil {
			t.Fatal(err)
		}
		have, err := cli.ImageInspect(t.Context(), ref)
		if err != nil || digest != "" && !has(have, digest) {
			t.Fatalf("the tag stands for %v (%v), want %s", have.RepoDigests, err, digest)
		}
		return pulled
	}
	first := push()
	if !pulls("") || pulls("") || pulls(first) {
		t.Error("it is to be pulled the first time only")
	}
	second := push() // the tag is moved
	if pulls("") {
		t.Error("what is there under the name was pulled again, though no digest asks for it")
	}
	if !pulls(second) || pulls(second) {
		t.Error("another digest is to be pulled once")
	}
	if !pulls(first) {
		t.Error("the tag is to be set back to the locked digest")
	}
	none := "sha256:" + strings.Repeat("0", 64)
	if _, err := e.Pull(t.Context(), ref, none, Login{}, func(string) {}); !errors.Is(err, ErrNotInRegistry) || !strings.Contains(err.Error(), none) || !strings.Contains(err.Error(), first) {
		t.Errorf("a digest that is not there: %v", err)
	}
}
