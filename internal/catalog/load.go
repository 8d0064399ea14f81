package catalog

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"sort"
	"strings"
	"sync"

	"gopkg.in/yaml.v3"

	"github.com/buenhyden/hy-home/internal/decode"
	"github.com/buenhyden/hy-home/internal/exit"
)

// "all:" because charts hold files such as _helpers.tpl, which embed skips.
//
//go:embed all:components all:profiles
var embedded embed.FS

// LockFile is platform.lock: the digests of what the catalog names. Package lock
// reads it.
//
//go:embed platform.lock
var LockFile []byte

// componentFile says what a component is.
const componentFile = "component.yaml"

// Catalog is everything a platform can be made of.
type Catalog struct {
	Components []Component // by name
	Profiles   []Profile   // by name
}

// Profile chooses components and changes settings of theirs.
type Profile struct {
	Name        string   `yaml:"name"` // equals the file's name without .yaml
	Description string   `yaml:"description"`
	Components  []string `yaml:"components"` // all of them: what one needs must be listed too

	// Machine is the one that it is meant for: what it has in all, memory and disk
	// of the system and the runner included. Nothing is checked against it at run
	// time, where the machine itself is measured; a test holds the budgets to it.
	Machine Budget `yaml:"machine"`

	// Size is that of every component which has it; the others keep their own.
	Size string `yaml:"size"`
	// Sizes are those of single components, which must have them.
	Sizes map[string]string `yaml:"sizes"`

	// Settings replaces single settings of a component: component -> setting -> value.
	// A setting that the component does not have is an error.
	Settings map[string]map[string]any `yaml:"settings"`
}

// SizeOf is the size that the profile gives a component.
func (p Profile) SizeOf(c Component) string {
	if size, ok := p.Sizes[c.Name]; ok {
		return size
	}
	if slices.Contains(c.Sizes(), p.Size) {
		return p.Size
	}
	return ""
}

// Embedded is the catalog inside this binary.
var Embedded = sync.OnceValues(func() (Catalog, error) { return Load(embedded) })

// Load reads a catalog from the directories components/ and profiles/ of fsys.
// Unknown fields are errors; every error names its file, and the line when
// there is one.
func Load(fsys fs.FS) (Catalog, error) {
	cat, err := load(fsys)
	if err != nil {
		return Catalog{}, err
	}
	return cat, errors.Join(Validate(cat)...)
}

func load(fsys fs.FS) (Catalog, error) {
	var cat Catalog
	dirs, err := fs.ReadDir(fsys, "components")
	if err != nil {
		return Catalog{}, fmt.Errorf("catalog: %w", err)
	}
	for _, d := range dirs {
		if !d.IsDir() {
			continue
		}
		c, err := loadComponent(fsys, path.Join("components", d.Name()))
		if err != nil {
			return Catalog{}, err
		}
		cat.Components = append(cat.Components, c)
	}
	files, err := fs.Glob(fsys, "profiles/*.yaml")
	if err != nil {
		return Catalog{}, fmt.Errorf("catalog: %w", err)
	}
	for _, file := range files {
		var p Profile
		if err := decodeFile(fsys, file, &p); err != nil {
			return Catalog{}, err
		}
		if want := strings.TrimSuffix(path.Base(file), ".yaml"); p.Name != want {
			return Catalog{}, fmt.Errorf("%s: name is %q, want the file's name %q", file, p.Name, want)
		}
		cat.Profiles = append(cat.Profiles, p)
	}
	return cat, nil
}

// With adds the components and profiles of another catalog: those of a
// platform's own directory to the embedded ones. A name may be taken once only.
func (cat Catalog) With(fsys fs.FS) (Catalog, error) {
	own, err := load(fsys)
	if err != nil {
		return Catalog{}, err
	}
	out := Catalog{Components: slices.Concat(cat.Components, own.Components), Profiles: slices.Concat(cat.Profiles, own.Profiles)}
	slices.SortFunc(out.Components, func(a, b Component) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(out.Profiles, func(a, b Profile) int { return strings.Compare(a.Name, b.Name) })
	return out, errors.Join(Validate(out)...)
}

func loadComponent(fsys fs.FS, dir string) (Component, error) {
	var c Component
	file := path.Join(dir, componentFile)
	if err := decodeFile(fsys, file, &c); err != nil {
		return c, err
	}
	if c.Name != path.Base(dir) {
		return c, fmt.Errorf("%s: name is %q, want the directory's name %q", file, c.Name, path.Base(dir))
	}
	sub, err := fs.Sub(fsys, dir)
	if err != nil {
		return c, fmt.Errorf("%s: %w", dir, err)
	}
	c.Files = sub
	if err := c.readCertificates(file); err != nil {
		return c, err
	}
	c.sizes, err = loadSizes(fsys, dir, sub)
	return c, err
}

// readCertificates takes the files that endpoints name as their CA in.
func (c *Component) readCertificates(file string) error {
	for i, e := range c.Expose {
		if e.CAFile == "" {
			continue
		}
		text, err := fs.ReadFile(c.Files, e.CAFile)
		if err != nil || !HasCertificate(text) {
			return fmt.Errorf("%s: expose %s: ca-file %q is no file of the component with a certificate in PEM", file, e.Name, e.CAFile)
		}
		c.Expose[i].CA = string(text)
	}
	return nil
}

func decodeFile(fsys fs.FS, file string, into any) error {
	text, err := fs.ReadFile(fsys, file)
	if err != nil {
		return fmt.Errorf("catalog: %w", err)
	}
	if err := decode.YAML(text, into); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

// DecodeSettings reads the component's settings into a driver's own struct
// (tags: yaml). A setting that the struct lacks is an error, so a misspelt one
// is never silently ignored. What is wrong is bad input.
func (c Component) DecodeSettings(into any) error {
	text, err := yaml.Marshal(c.Settings)
	if err != nil {
		return exit.BadInputf("component %s: settings: %w", c.Name, err)
	}
	if err := decode.YAML(text, into); err != nil {
		return exit.BadInputf("component %s: settings: %w", c.Name, err)
	}
	return nil
}

// Component finds a component by name.
func (cat Catalog) Component(name string) (Component, bool) {
	i := sort.Search(len(cat.Components), func(i int) bool { return cat.Components[i].Name >= name })
	if i < len(cat.Components) && cat.Components[i].Name == name {
		return cat.Components[i], true
	}
	return Component{}, false
}

// Profile finds a profile by name; an unknown one is bad input.
func (cat Catalog) Profile(name string) (Profile, error) {
	var names []string
	for _, p := range cat.Profiles {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return Profile{}, exit.BadInputf("profile %q does not exist; there are: %s", name, strings.Join(names, ", "))
}
