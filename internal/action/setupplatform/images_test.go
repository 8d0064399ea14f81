package setupplatform

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/lock"
	"github.com/buenhyden/hy-home/internal/pull"
)

// caches is a world whose driver can prefetch and keeps figures.
type caches struct {
	*world
	fetched []string
	fault   error
}

func (c *caches) Prefetch(_ context.Context, _ catalog.Component, image string, _ engine.Env) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fetched = append(c.fetched, image)
	return c.fault
}

func (c *caches) Account(context.Context, catalog.Component, engine.Env) (engine.Table, error) {
	return engine.Table{Title: "Pulls", Rows: [][]string{{"docker.io", "1"}}}, nil
}

// withImages is the platform of setup with images and a cache before its cluster.
func withImages(t *testing.T) (*caches, *[]pull.Request, Options) {
	w, o := setup(t)
	c := &caches{world: w}
	o.Drivers["cache"] = c
	cache := component("pull-cache", "cache", "net")
	cache.Images = []string{"docker.io/library/registry:3"}
	cache.Settings = map[string]any{"upstreams": map[string]any{"docker.io": "https://x"}}
	for i := range o.Catalog.Components {
		switch p := &o.Catalog.Components[i]; p.Name {
		case "app":
			p.Tier, p.Images = "cluster", []string{"quay.io/a/app:1"}
		case "db":
			p.Images = []string{"docker.io/library/redis:7"}
		case "kind":
			p.Tier, p.Images = "cluster", []string{"docker.io/kindest/node:v1"}
			p.Settings = map[string]any{"image": "kindest/node:v1"}
		}
	}
	o.Catalog.Components = append(o.Catalog.Components, cache) // "pull-cache" is the last by name
	o.Catalog.Profiles[0].Components = append(o.Catalog.Profiles[0].Components, "pull-cache")
	var mu sync.Mutex
	asked := &[]pull.Request{}
	o.Pull = func(_ context.Context, q pull.Request, _ func(string)) (bool, error) {
		mu.Lock()
		defer mu.Unlock()
		*asked = append(*asked, q)
		return true, nil
	}
	o.Prefetch = true
	return c, asked, o
}

func TestRun_PullsBeforeWhatWaitsForIt(t *testing.T) {
	c, asked, o := withImages(t)
	o.DockerUsername, o.DockerPassword = "me", "p"
	digest := "sha256:" + strings.Repeat("a", 64)
	o.Lock = lock.Lock{Images: []lock.Image{{Ref: "docker.io/library/redis:7", Digest: digest}}}
	res, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	needs := map[string]string{}
	for _, s := range res.Steps {
		needs[s.ID] = strings.Join(s.Needs, ",")
	}
	for id, want := range map[string]string{
		"pull redis:7": "", "pull kindest/node:v1": "", "pull registry:3": "",
		"prefetch quay.io/a/app:1": "pull-cache",
		"db":                       "net,pull redis:7",
		"kind":                     "pull kindest/node:v1",
		"app":                      "kind,db,prefetch quay.io/a/app:1",
		"pull-cache":               "net,pull registry:3",
	} {
		if got, ok := needs[id]; !ok || got != want {
			t.Errorf("%s waits for %q (%v), want %q", id, got, ok, want)
		}
	}
	slices.SortFunc(*asked, func(a, b pull.Request) int { return strings.Compare(a.Ref, b.Ref) })
	want := []pull.Request{
		{Ref: "docker.io/library/redis:7", Digest: digest, Username: "me", Password: "p"},
		{Ref: "docker.io/library/registry:3", Username: "me", Password: "p"},
		{Ref: "kindest/node:v1", Username: "me", Password: "p"},
	}
	if fmt.Sprint(*asked) != fmt.Sprint(want) {
		t.Errorf("asked the engine for %v, want %v", *asked, want)
	}
	if !slices.Equal(c.fetched, []string{"quay.io/a/app:1"}) {
		t.Errorf("fetched %v", c.fetched)
	}
	if len(res.Tables) != 1 || len(res.Report(nil).Sections) == 0 || res.Report(nil).Sections[0].Title != "Pulls" {
		t.Errorf("figures %+v", res.Tables)
	}
	if got := res.locked(); got != "1 of 4; by tag: kindest/node:v1, registry:3, quay.io/a/app:1" {
		t.Errorf("by digest: %q", got)
	}
	if got := res.Values["cache-docker-io"]; got != "http://hy-test-cache-docker-io:5000" {
		t.Errorf("the nodes are sent to %q", got)
	}
}

func TestRun_PrefetchIsNeverTheReasonToFail(t *testing.T) {
	c, _, o := withImages(t)
	c.fault = errors.New("connection refused")
	var warned []string
	o.Warn = func(s string) { warned = append(warned, s) }
	if _, err := Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if len(warned) != 1 || !strings.Contains(warned[0], "prefetch quay.io/a/app:1: connection refused: the nodes pull it") {
		t.Errorf("warned %q", warned)
	}
	if _, err := Down(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	clear(c.there) // what was in the cluster went with it
	c.fault = fmt.Errorf("%w: image a:1", engine.ErrMismatch)
	if _, err := Run(t.Context(), o); !errors.Is(err, engine.ErrMismatch) || c.there["app"] {
		t.Errorf("an image that is not the locked one: %v", err)
	}
}

func TestRun_WithoutPrefetchNothingIsFetched(t *testing.T) {
	c, _, o := withImages(t)
	o.Prefetch, o.Pull = false, nil
	res, err := Run(t.Context(), o)
	if err != nil || len(c.fetched) > 0 || len(res.Steps) != 5 {
		t.Errorf("fetched %v in %d steps, %v", c.fetched, len(res.Steps), err)
	}
}

func TestRun_CredentialsComeInPairs(t *testing.T) {
	_, _, o := withImages(t)
	o.DockerPassword = "p"
	if _, err := Run(t.Context(), o); exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), "docker-username and docker-password: only one of them is given") {
		t.Errorf("got %v", err)
	}
}

// builders is a world whose driver builds images.
type builders struct{ *world }

func (b *builders) Build(_ context.Context, _ catalog.Component, name string, _ engine.Env) (engine.Outcome, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls = append(b.calls, "build "+name)
	if name == b.fail {
		return "", errors.New("compose.yml:7: build of service web: exit code: 3")
	}
	return engine.Unchanged, nil
}

func TestRun_BuildsBeforeWhatWaitsForIt(t *testing.T) {
	w, o := setup(t)
	b := &builders{w}
	o.Drivers["compose"] = b
	for i := range o.Catalog.Components {
		if c := &o.Catalog.Components[i]; c.Name == "db" {
			c.Builds = []catalog.Build{{Name: "base"}, {Name: "web", Needs: []string{"base"}}}
		}
	}
	res, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	needs := map[string]string{}
	for _, s := range res.Steps {
		needs[s.ID] = strings.Join(s.Needs, ",")
	}
	for id, want := range map[string]string{"build base": "", "build web": "build base", "db": "net,build base,build web"} {
		if got, ok := needs[id]; !ok || got != want {
			t.Errorf("%s waits for %q, want %q", id, got, want)
		}
	}
	w.fail, w.calls = "web", nil
	_, err = Run(t.Context(), o)
	if err == nil || err.Error() != "build web: compose.yml:7: build of service web: exit code: 3" {
		t.Errorf("got %v", err)
	}
	if slices.Contains(w.calls, "+db") {
		t.Error("the component was started without its image")
	}
}
