package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/buenhyden/hy-home/internal/catalog"
)

// choose gathers the components of a profile for the wanted kind of cluster.
// What exists for the other kind only drops out, with all edges to it; where it
// provided something, what provides that here takes its place.
func choose(cat catalog.Catalog, p catalog.Profile, t Target) ([]catalog.Component, error) {
	cluster := cmp.Or(t.Cluster, Kind)
	var chosen []catalog.Component
	var missing []string
	dropped := map[string]bool{}
	for _, name := range p.Components {
		c, ok := cat.Component(name)
		if !ok {
			return nil, fmt.Errorf("it chooses %q, which is no component", name)
		}
		if c.ForCluster != "" && c.ForCluster != cluster {
			dropped[c.Name] = true
			if c, ok = provider(cat, c.Provides, cluster); !ok {
				continue
			}
		}
		if t.Data == External && (c.ForData == Docker || c.Driver == "compose") {
			if len(c.Expose) == 0 {
				dropped[c.Name] = true
				continue
			}
			if names := unlisted(c, t.Managed); len(names) > 0 {
				missing = append(missing, names...)
				continue
			}
			var err error
			if c, err = elsewhere(c, t.Managed); err != nil {
				return nil, err
			}
		}
		if cluster == Existing && t.Data != External && c.Tier == "docker" && len(c.Expose) > 0 {
			return nil, fmt.Errorf("%s would run in Docker on this machine, which pods of an existing cluster do not reach: set data: external, or choose a profile without a data tier", c.Name)
		}
		c.Settings = override(c.Settings, p.Settings[c.Name])
		chosen = append(chosen, c)
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("data-endpoints does not list %s: say where they are, or leave their components out (components: -name)", strings.Join(missing, ", "))
	}
	if err := catalog.CheckEndpoints(chosen); err != nil {
		return nil, err
	}
	names := map[string]string{} // what is needed -> who it is
	for _, c := range chosen {
		names[c.Name] = c.Name
		if c.Provides != "" {
			names[c.Provides] = c.Name
		}
	}
	for i, c := range chosen {
		needs := make([]catalog.Need, 0, len(c.Needs))
		for _, n := range c.Needs {
			who, ok := names[n.Name]
			switch {
			case ok:
				n.Name = who
			case n.Optional:
				continue
			case dropped[n.Name]:
				return nil, fmt.Errorf("%s needs %s (%s), which is not to be had with cluster: %s and data: %s; choose another profile", c.Name, n.Name, n.Why, cluster, cmp.Or(t.Data, Docker))
			}
			needs = append(needs, n)
		}
		chosen[i].Needs = needs
	}
	return chosen, nil
}

// provider finds the component that provides something for a kind of cluster.
func provider(cat catalog.Catalog, what, cluster string) (catalog.Component, bool) {
	if what == "" {
		return catalog.Component{}, false
	}
	i := slices.IndexFunc(cat.Components, func(c catalog.Component) bool { return c.Provides == what && c.ForCluster == cluster })
	if i < 0 {
		return catalog.Component{}, false
	}
	return cat.Components[i], true
}
