package buildpush

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/registry/registrytest"
)

// Each question takes a way through the network, and some wait for one another: what is
// known is not asked again.
func TestRun_AsksWhatItNeedsAndOnce(t *testing.T) {
	w := newWorld(t)
	s, o := onRegistry(t, w)
	w.pushed = both(t, o)
	registrytest.Push(t, s.Host+"/library/base:1", "amd64", nil)
	do(t, os.WriteFile(filepath.Join(o.Context, "Dockerfile"), []byte("FROM "+s.Host+"/library/base:1\n"), 0o600))
	o.AlwaysBuild = true
	s.Mend()
	res, err := Run(t.Context(), o)
	if err != nil || res.Content.Value == "" {
		t.Fatalf("%+v, %v", res, err)
	}
	asked := map[string]int{}
	for _, q := range s.Asked("", "") {
		path := strings.NewReplacer("/v2/shop/backend", "", w.pushed, "PUSHED", res.Content.Tag(), "CONTENT").Replace(q.Path)
		asked[q.Method+" "+regexp.MustCompile(`sha256:\w+|uploads/\d+`).ReplaceAllString(path, "ONE")]++
	}
	want := map[string]int{
		// How the registry lets in: to this repository, and to that of the base image.
		"GET /v2/": 2,
		// May it be pushed, and the start of an upload given up.
		"POST /blobs/uploads/": 1,
		"DELETE /blobs/ONE":    1,
		// Before the build and after it.
		"HEAD /v2/library/base/manifests/1": 2,
		// Is it what is served.
		"HEAD /manifests/v1":     1,
		"HEAD /manifests/latest": 1,
		"GET /manifests/PUSHED":  1,
		"GET /blobs/ONE":         1,
		"PUT /manifests/CONTENT": 1,
	}
	if !maps.Equal(asked, want) {
		t.Errorf("asked\n%v, want\n%v", asked, want)
	}
}
