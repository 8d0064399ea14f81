package pull

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/plan"
)

func platform(t *testing.T, cached bool) plan.Plan {
	t.Helper()
	component := func(name, tier, driver string, takes time.Duration, needs []string, images ...string) catalog.Component {
		c := catalog.Component{Name: name, Tier: tier, Driver: driver, Takes: catalog.Duration(takes), Images: images}
		for _, n := range needs {
			c.Needs = append(c.Needs, catalog.Need{Name: n, Why: "order"})
		}
		return c
	}
	kind := component("kind", "cluster", "cluster", 30*time.Second, nil, "docker.io/kindest/node:v1")
	kind.Settings = map[string]any{"image": "kindest/node:v2"}
	cs := []catalog.Component{
		component("redis", "docker", "compose", 9*time.Second, nil, "docker.io/library/redis:7"),
		kind,
		component("quick", "cluster", "helm", time.Second, []string{"kind"}, "quay.io/a/quick:1"),
		component("slow", "cluster", "helm", 9*time.Second, []string{"kind"}, "quay.io/a/slow:1", "docker.io/library/redis:7"),
		component("after", "cluster", "helm", time.Second, []string{"slow"}, "quay.io/a/slow:1"),
	}
	if cached {
		cs = append(cs, component("pull-cache", "docker", "cache", time.Second, nil, "docker.io/library/registry:3"))
	}
	cat := catalog.Catalog{Components: cs, Profiles: []catalog.Profile{{Name: "all"}}}
	for _, c := range cs {
		cat.Profiles[0].Components = append(cat.Profiles[0].Components, c.Name)
	}
	slices.SortFunc(cat.Components, func(a, b catalog.Component) int { return strings.Compare(a.Name, b.Name) })
	p, err := plan.New(cat, plan.Target{Profile: "all"}, plan.Machine{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestImages_LongestChainFirstAndEachOnce(t *testing.T) {
	var got []string
	for _, i := range Images(platform(t, true)) {
		by := "cache"
		if i.Engine {
			by = "engine"
		}
		got = append(got, fmt.Sprintf("%s by %s for %s", i.Ref, by, strings.Join(i.For, "+")))
	}
	want := []string{
		"kindest/node:v2 by engine for kind", // what the input chose, not what the catalog lists
		"quay.io/a/slow:1 by cache for slow+after",
		"docker.io/library/redis:7 by engine for redis",
		"docker.io/library/redis:7 by cache for slow",
		"quay.io/a/quick:1 by cache for quick",
		"docker.io/library/registry:3 by engine for pull-cache",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestImages_WithoutCachesTheNodesPullTheirOwn(t *testing.T) {
	for _, i := range Images(platform(t, false)) {
		if !i.Engine {
			t.Errorf("%s goes into a cache that is not there", i.Ref)
		}
	}
}

func TestCache_Names(t *testing.T) {
	for host, want := range map[string]string{"docker.io": "hy-cache-docker-io", "registry.k8s.io": "hy-cache-registry-k8s-io", "localhost:5001": "hy-cache-localhost-5001"} {
		if got := CacheName("hy", host); got != want || CacheURL("hy", host) != "http://"+want+":5000" {
			t.Errorf("%s: got %s, want %s", host, got, want)
		}
	}
	for ref, want := range map[string]string{"redis:7": "docker.io", "prom/prometheus:v2": "docker.io", "quay.io/a/b:1": "quay.io", "localhost:5001/a:1@sha256:x": "localhost:5001"} {
		if got := Host(ref); got != want {
			t.Errorf("%s: host %s, want %s", ref, got, want)
		}
	}
}
