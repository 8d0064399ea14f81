package setupplatform

import (
	"context"
	"slices"
	"strings"

	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/plan"
	"github.com/buenhyden/hy-home/internal/workspace"
)

// withFiles gives the options with the user's own files in the catalog. Their
// drivers fill in what the files ask for, so that the plan counts it.
func withFiles(ctx context.Context, o Options) (Options, error) {
	if o.Cluster == plan.Existing && o.Files.KindConfig != "" {
		return o, exit.BadInputf("kind-config is %q, but the cluster is an existing one, which nobody configures", o.Files.KindConfig)
	}
	if o.Data == plan.External && len(o.Files.ComposeFiles) > 0 {
		return o, exit.BadInputf("compose-files is %q, but with data: external nothing runs in Docker", strings.Join(o.Files.ComposeFiles, " "))
	}
	extended, err := workspace.Extend(o.Catalog, o.Profile, o.Files)
	if err != nil {
		return o, err
	}
	for _, w := range extended.Warnings {
		o.Warn(w)
	}
	o.Catalog = extended.Catalog
	for i, c := range o.Catalog.Components {
		d, ok := o.Drivers[c.Driver].(engine.Describer)
		if !ok || !slices.Contains(extended.Components, c.Name) {
			continue
		}
		if o.Catalog.Components[i], err = d.Describe(ctx, c, o.env(nil, nil)); err != nil {
			return o, err
		}
	}
	return o, nil
}
