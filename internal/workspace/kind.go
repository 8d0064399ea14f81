package workspace

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/buenhyden/hy-home/internal/exit"
)

// kindConfig hands the user's kind configuration to the cluster of the profile.
func kindConfig(e *Extended, profile string, f Files) error {
	if f.KindConfig == "" {
		return nil
	}
	files, err := f.regular("kind-config", []string{f.KindConfig})
	if err != nil {
		return err
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		return fmt.Errorf("kind-config: %w", err)
	}
	if strings.TrimSpace(string(text)) == "" {
		return exit.BadInputf("kind-config %s: it is empty", f.rel(files[0]))
	}
	for i, c := range e.Catalog.Components {
		if c.Driver != "cluster" || !slices.Contains(e.chosen(profile), c.Name) {
			continue
		}
		settings := maps.Clone(c.Settings)
		settings["config"], settings["config-file"], settings["config-root"] = string(text), f.rel(files[0]), f.Root
		e.Catalog.Components[i].Settings = settings
		e.Components = append(e.Components, c.Name)
		return nil
	}
	return exit.BadInputf("kind-config is %q, but profile %s has no kind cluster", f.KindConfig, profile)
}
