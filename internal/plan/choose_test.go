package plan

import (
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/exit"
)

// clusters is a catalog with a cluster of each kind and what stands on it.
func clusters() catalog.Catalog {
	net := component("net", 0)
	net.ForCluster = "kind"
	kind := component("kind", 0, "net")
	kind.ForCluster, kind.Provides = "kind", "cluster"
	bridge := component("bridge", 0, "kind", "net")
	bridge.ForCluster = "kind"
	apps := component("apps", 0, "cluster", "bridge")
	apps.Needs[1].Optional = true
	proof := component("proof", 0, "bridge")
	cat := catalogOf(net, kind, bridge, apps, proof)
	theirs := component("theirs", 0)
	theirs.ForCluster, theirs.Provides = "existing", "cluster"
	cat.Components = append(cat.Components, theirs)
	cat.Profiles = []catalog.Profile{
		{Name: "apps", Components: []string{"net", "kind", "bridge", "apps"}},
		{Name: "proven", Components: []string{"net", "kind", "bridge", "apps", "proof"}},
	}
	return cat
}

func edges(p Plan) string {
	var out []string
	for _, c := range p.Components {
		out = append(out, c.Name+"("+strings.Join(needNames(c), " ")+")")
	}
	return strings.Join(out, " ")
}

func needNames(c catalog.Component) (names []string) {
	for _, n := range c.Needs {
		names = append(names, n.Name)
	}
	return names
}

func TestNew_WhatOnlyKindNeedsDropsOutOnAnExistingCluster(t *testing.T) {
	for cluster, want := range map[string]string{
		Kind:     "net() kind(net) bridge(kind net) apps(kind bridge)",
		"":       "net() kind(net) bridge(kind net) apps(kind bridge)",
		Existing: "theirs() apps(theirs)",
	} {
		p, err := New(clusters(), Target{Profile: "apps", Cluster: cluster}, Machine{})
		if err != nil || edges(p) != want {
			t.Errorf("cluster %q: got %s, %v; want %s", cluster, edges(p), err, want)
		}
	}
	_, err := New(clusters(), Target{Profile: "proven", Cluster: Existing}, Machine{})
	if exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), "proof needs bridge (it is there first), which is not to be had with cluster: existing and data: docker") {
		t.Errorf("got %v", err)
	}
}

// What a user adds to a profile may offer what the profile has.
func TestNew_RefusesTwoThatOfferTheSame(t *testing.T) {
	a, b := component("a", 0), component("b", 0)
	a.Expose = []catalog.Endpoint{{Name: "prometheus"}}
	b.Expose = a.Expose
	_, err := New(catalogOf(a, b), Target{Profile: "test"}, Machine{})
	if want := "a and b both expose the endpoint prometheus"; exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}
