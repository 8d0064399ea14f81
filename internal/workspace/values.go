package workspace

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
	jsonyaml "sigs.k8s.io/yaml"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/exit"
)

// values merges <values-dir>/<component>.yaml over the values that the catalog
// gives the component's chart.
func values(e *Extended, profile string, f Files) error {
	if f.ValuesDir == "" {
		return nil
	}
	dir, err := f.directory("values-dir", f.ValuesDir)
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("values-dir: %w", err)
	}
	for _, entry := range entries {
		ext := filepath.Ext(entry.Name())
		name := strings.TrimSuffix(entry.Name(), ext)
		if entry.IsDir() || name == "" || ext != ".yaml" && ext != ".yml" {
			continue
		}
		path := filepath.Join(dir, entry.Name())
		c := e.component(name)
		switch {
		case c == nil || c.Driver != "helm":
			return exit.BadInputf("values-dir: %s is for no chart of the catalog: there are %s", f.rel(path), strings.Join(e.charts(), ", "))
		case !slices.Contains(e.chosen(profile), name):
			e.Warnings = append(e.Warnings, fmt.Sprintf("%s: profile %s does not install %s, so nobody reads this file", f.rel(path), profile, name))
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("values-dir: %w", err)
		}
		unread, err := overlay(c, text)
		if err != nil {
			return exit.BadInputf("values-dir: %s: %w", f.rel(path), err)
		}
		for _, u := range unread {
			e.Warnings = append(e.Warnings, fmt.Sprintf("%s:%d: chart %s reads no value %s%s", f.rel(path), u.line, name, u.path, u.meant()))
		}
	}
	return nil
}

// charts are the names of all components that are charts.
func (e *Extended) charts() []string {
	var names []string
	for _, c := range e.Catalog.Components {
		if c.Driver == "helm" {
			names = append(names, c.Name)
		}
	}
	return names
}

// overlay puts values over those of a component, and lists the ones that its
// chart does not read.
func overlay(c *catalog.Component, text []byte) ([]unread, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if root.Kind == 0 {
		return nil, nil // nothing but comments
	}
	// Helm reads values by way of JSON too, so that a date stays the text it is.
	var over map[string]any
	if err := jsonyaml.UnmarshalStrict(text, &over); err != nil {
		return nil, fmt.Errorf("it must be a mapping of values: %s", strings.TrimPrefix(strings.TrimPrefix(err.Error(), "error converting YAML to JSON: "), "yaml: "))
	}
	ours := map[string]any{}
	if was, err := fs.ReadFile(c.Files, "values.yaml"); err == nil {
		if err := jsonyaml.Unmarshal(was, &ours); err != nil {
			return nil, fmt.Errorf("the catalog's values: %w", err)
		}
	}
	chart, err := readChart(c.Files)
	if err != nil {
		return nil, err
	}
	merged, err := jsonyaml.Marshal(merge(ours, over))
	if err != nil {
		return nil, err
	}
	c.Files = replaced{c.Files, "values.yaml", merged}
	return chart.unread(root.Content[0]), nil
}

// merge puts one tree of values over another: mappings are merged, all else is
// replaced. A null stays, as it takes a default of the chart away.
func merge(under, over map[string]any) map[string]any {
	out := map[string]any{}
	for key, value := range under {
		out[key] = value
	}
	for key, value := range over {
		below, isMap := out[key].(map[string]any)
		above, both := value.(map[string]any)
		if isMap && both {
			out[key] = merge(below, above)
			continue
		}
		out[key] = value
	}
	return out
}
