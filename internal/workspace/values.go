package workspace

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/lock"
	"github.com/buenhyden/hy-home/internal/values"
)

// ownValues puts <values-dir>/<component>.yaml over the values that the catalog
// gives the component's chart.
func ownValues(e *Extended, profile string, f Files) error {
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
			e.Warnings = append(e.Warnings, fmt.Sprintf("%s:%d: chart %s reads no value %s%s", f.rel(path), u.Line, name, u.Path, u.Meant()))
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

// overlay puts values beside those of a component, for its driver to merge, and
// lists the ones that its chart does not read. What a fetched chart reads is known
// when it is there.
func overlay(c *catalog.Component, text []byte) ([]values.Unread, error) {
	if _, err := values.Parse(text); err != nil {
		return nil, err
	}
	c.Files = replaced{c.Files, catalog.UserValues, text}
	if _, remote, err := lock.RemoteChart(*c); remote || err != nil {
		return nil, err
	}
	chart, err := readChart(c.Files)
	if err != nil {
		return nil, err
	}
	return chart.Unread(text)
}
