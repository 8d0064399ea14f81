// Package workspace takes in what users already have: Compose files, a kind
// configuration, values of charts, manifests. They become components of the
// catalog like any other, before anything is planned, so that the graph, the
// readiness, the diagnostics and the removal know no special case.
//
// It looks at the names of files and at the text of values; what a Compose file
// or a kind configuration says is its driver's business.
package workspace

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/exit"
)

// Names of the components that the user's files become.
const (
	Compose   = "user-compose"
	Manifests = "user-manifests"
)

// Files are the user's own files, as the inputs of the same names give them.
// Relative paths start at Root.
type Files struct {
	Root string // absolute; nothing is made outside of it

	ComposeFiles    []string // in order, each overriding the ones before
	EnvFiles        []string // in order; none means .env beside the first Compose file
	ComposeProfiles []string
	KindConfig      string
	ValuesDir       string
	ManifestsDir    string
}

// Extended is a catalog with the user's files in it.
type Extended struct {
	Catalog catalog.Catalog
	// Components are the names of those that a file of the user's stands behind:
	// their drivers know better than the catalog what they ask for.
	Components []string
	Warnings   []string
}

// Extend adds the user's files to a catalog and to the profile that is chosen.
// The catalog handed in stays as it is.
func Extend(cat catalog.Catalog, profile string, f Files) (Extended, error) {
	e := Extended{Catalog: catalog.Catalog{Components: slices.Clone(cat.Components), Profiles: slices.Clone(cat.Profiles)}}
	for _, step := range []func(*Extended, string, Files) error{compose, kindConfig, ownValues, manifests} {
		if err := step(&e, profile, f); err != nil {
			return Extended{}, err
		}
	}
	return e, nil
}

// Known adds to a catalog what [Extend] could have added, without the files: to
// look at it or to take it down no file is needed.
func Known(cat catalog.Catalog) catalog.Catalog {
	e := Extended{Catalog: catalog.Catalog{Components: slices.Clone(cat.Components), Profiles: cat.Profiles}}
	e.add("", composeComponent(cat))
	return e.Catalog
}

func compose(e *Extended, profile string, f Files) error {
	if len(f.ComposeFiles) == 0 {
		for input, given := range map[string][]string{"env-files": f.EnvFiles, "compose-profiles": f.ComposeProfiles} {
			if len(given) > 0 {
				return exit.BadInputf("%s is %q, but compose-files names no file it could be for", input, strings.Join(given, " "))
			}
		}
		return nil
	}
	files, err := f.regular("compose-files", f.ComposeFiles)
	if err != nil {
		return err
	}
	var envFiles []string
	for _, name := range f.EnvFiles {
		envFiles = append(envFiles, f.abs(name))
	}
	if dir := filepath.Dir(files[0]); slices.ContainsFunc(files, func(s string) bool { return filepath.Dir(s) != dir }) {
		e.Warnings = append(e.Warnings, fmt.Sprintf("compose-files lie in several directories, and as with docker compose -f the relative paths in all of them start at %s: name one file that includes the others if each shall start at its own", f.rel(dir)))
	}
	c := composeComponent(e.Catalog)
	c.Settings = map[string]any{"root": f.Root, "files": files, "env-files": envFiles, "profiles": f.ComposeProfiles}
	e.add(profile, c)
	e.Components = append(e.Components, c.Name)
	return nil
}

// composeTimeout is more than any component of the catalog gets: what the
// user's services do until they are healthy is not known.
const composeTimeout = 10 * time.Minute

// composeTakes and manifestsTakes are guesses that put the user's parts into the
// plan at all: four small services took 10 s on two processors.
const (
	composeTakes   = 10 * time.Second
	manifestsTakes = 5 * time.Second
)

func composeComponent(cat catalog.Catalog) catalog.Component {
	c := catalog.Component{
		Name: Compose, Description: "The services of the user's own Compose files",
		Tier: "docker", Driver: "compose", Timeout: catalog.Duration(composeTimeout), Takes: catalog.Duration(composeTakes),
	}
	for _, other := range cat.Components {
		if other.Driver == "network" {
			c.Needs = append(c.Needs, catalog.Need{Name: other.Name, Why: "its services may have their addresses there", Optional: true})
		}
	}
	return c
}

// add puts a component at its place in the catalog, and into a profile.
func (e *Extended) add(profile string, c catalog.Component) {
	at, found := slices.BinarySearchFunc(e.Catalog.Components, c.Name, func(c catalog.Component, name string) int { return strings.Compare(c.Name, name) })
	if !found {
		e.Catalog.Components = slices.Insert(e.Catalog.Components, at, c)
	}
	for i, p := range e.Catalog.Profiles {
		if p.Name == profile && !slices.Contains(p.Components, c.Name) {
			e.Catalog.Profiles[i].Components = append(slices.Clone(p.Components), c.Name)
		}
	}
}

// chosen are the components of a profile.
func (e *Extended) chosen(profile string) []string {
	for _, p := range e.Catalog.Profiles {
		if p.Name == profile {
			return p.Components
		}
	}
	return nil
}

// component gives a pointer into the extended catalog.
func (e *Extended) component(name string) *catalog.Component {
	i := slices.IndexFunc(e.Catalog.Components, func(c catalog.Component) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return &e.Catalog.Components[i]
}

// regular gives absolute paths of files that an input names and that are there.
func (f Files) regular(input string, names []string) ([]string, error) {
	var files []string
	for _, name := range names {
		path := f.abs(name)
		info, err := os.Stat(path)
		switch {
		case err != nil:
			return nil, exit.BadInputf("%s names %q, which is not there: give the path of a file from %s on", input, name, f.Root)
		case !info.Mode().IsRegular():
			return nil, exit.BadInputf("%s names %q, which is no file: give the path of a file from %s on", input, name, f.Root)
		case slices.Contains(files, path):
			return nil, exit.BadInputf("%s names %q twice: name it once", input, name)
		}
		files = append(files, path)
	}
	return files, nil
}

// directory gives the absolute path of a directory that an input names.
func (f Files) directory(input, name string) (string, error) {
	path := f.abs(name)
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		return "", exit.BadInputf("%s is %q, which is no directory: give the path of one from %s on", input, name, f.Root)
	}
	return path, nil
}

func (f Files) abs(name string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(f.Root, name)
}

// rel is a path as people write it: from Root on if it lies below.
func (f Files) rel(path string) string {
	if rel, err := filepath.Rel(f.Root, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}
