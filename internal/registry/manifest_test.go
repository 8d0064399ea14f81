package registry

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/registry/registrytest"
)

func TestClient_ReadAndTag(t *testing.T) {
	s := registrytest.New(t)
	r := in(t, s)
	digest := push(t, r, "v1", "amd64")
	if err := (Client{}).Tag(t.Context(), r, Manifest{Digest: digest}, []string{"v2", "latest"}); err != nil {
		t.Fatal(err)
	}
	read, err := Client{}.Read(t.Context(), r, "v1")
	if err != nil {
		t.Fatal(err)
	}
	s.Fail(registrytest.Fault{On: registrytest.To(http.MethodGet, "/manifests/"), Do: registrytest.Denied()})
	if err := (Client{}).Tag(t.Context(), r, read, []string{"v3"}); err != nil {
		t.Errorf("what was read is read again: %v", err)
	}
	s.Mend()
	for _, tag := range []string{"v1", "v2", "v3", "latest", digest} {
		m, err := Client{}.Read(t.Context(), r, tag)
		if err != nil || m.Digest != digest || m.Labels["key"] != "abc" || len(m.Layers) != 2 || m.Size < 512 || len(m.Platforms) != 1 || m.Platforms[0] != "linux/amd64" {
			t.Errorf("%s: %+v, %v", tag, m, err)
		}
	}
	if _, err := (Client{}).Read(t.Context(), r, "none"); !errors.Is(err, ErrNotFound) {
		t.Errorf("%v", err)
	}
	if err := (Client{}).Tag(t.Context(), r, Manifest{Digest: "sha256:" + strings.Repeat("0", 64)}, []string{"x"}); !errors.Is(err, ErrNotFound) {
		t.Errorf("%v", err)
	}
}
