package registry

import (
	"errors"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/registry/registrytest"
)

func TestClient_ReadAndTag(t *testing.T) {
	r := in(t, registrytest.New(t))
	digest := push(t, r, "v1", "amd64")
	if err := (Client{}).Tag(t.Context(), r, digest, []string{"v2", "latest"}); err != nil {
		t.Fatal(err)
	}
	for _, tag := range []string{"v1", "v2", "latest", digest} {
		m, err := Client{}.Read(t.Context(), r, tag)
		if err != nil || m.Digest != digest || m.Labels["key"] != "abc" || len(m.Layers) != 2 || m.Size < 512 || len(m.Platforms) != 1 || m.Platforms[0] != "linux/amd64" {
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
