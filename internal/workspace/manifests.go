package workspace

import (
	"time"

	"github.com/buenhyden/hy-home/internal/catalog"
)

// manifestsTimeout is as long as that of the user's Compose services, for the
// same reason.
const manifestsTimeout = 10 * time.Minute

// manifests adds the user's Kubernetes objects, after all else in the cluster.
func manifests(e *Extended, profile string, f Files) error {
	if f.ManifestsDir == "" {
		return nil
	}
	dir, err := f.directory("manifests-dir", f.ManifestsDir)
	if err != nil {
		return err
	}
	c := catalog.Component{
		Name: Manifests, Description: "The user's own Kubernetes objects",
		Tier: "cluster", Driver: "manifest", Timeout: catalog.Duration(manifestsTimeout), Takes: catalog.Duration(manifestsTakes), Namespace: "default",
		Needs: []catalog.Need{{Name: "cluster", Why: "it is the cluster that they are in"}},
	}
	for _, other := range e.Catalog.Components {
		if (other.Tier != "docker" || other.Name == Compose) && other.Provides != "cluster" && other.Driver != "proof" {
			c.Needs = append(c.Needs, catalog.Need{Name: other.Name, Why: "its kinds, webhooks, namespaces or names may be used by them", Optional: true})
		}
	}
	c.Settings = map[string]any{"root": f.Root, "dir": dir}
	e.add(profile, c)
	e.Components = append(e.Components, c.Name)
	return nil
}
