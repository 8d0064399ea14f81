package catalog

import (
	"maps"
	"slices"
	"strings"

	"github.com/buenhyden/hy-home/internal/exit"
)

// Choice is what a user changes about a profile. Its zero value changes nothing.
type Choice struct {
	Add    []string          // components to add, with all that they need
	Remove []string          // components to leave out
	Sizes  map[string]string // size by component
}

// ParseChoice reads components such as "+kafka" and "-airflow", and sizes such as
// "kafka=ha".
func ParseChoice(components, sizes []string) (Choice, error) {
	c := Choice{Sizes: map[string]string{}}
	for _, text := range components {
		name := strings.TrimLeft(text, "+-")
		if len(text)-len(name) != 1 || !nameForm.MatchString(name) {
			return c, exit.BadInputf("components has %q: write +name for a component to add to the profile, -name for one to leave out", text)
		}
		if slices.Contains(c.Add, name) || slices.Contains(c.Remove, name) {
			return c, exit.BadInputf("components names %s twice", name)
		}
		if text[0] == '+' {
			c.Add = append(c.Add, name)
		} else {
			c.Remove = append(c.Remove, name)
		}
	}
	for _, text := range sizes {
		name, size, ok := strings.Cut(text, "=")
		if !ok || !nameForm.MatchString(name) || !nameForm.MatchString(size) {
			return c, exit.BadInputf("sizes has %q, want component=size such as kafka=ha", text)
		}
		if _, twice := c.Sizes[name]; twice {
			return c, exit.BadInputf("sizes names %s twice", name)
		}
		c.Sizes[name] = size
	}
	return c, nil
}

// Choose gives the catalog with a profile changed as the choice says, and its
// components at their sizes. Nobody who goes on with it needs to know of either.
func (cat Catalog) Choose(profile string, choice Choice) (Catalog, error) {
	p, err := cat.Profile(profile)
	if err != nil {
		return cat, err
	}
	p.Components, p.Sizes, p.Settings = slices.Clone(p.Components), maps.Clone(p.Sizes), maps.Clone(p.Settings)
	for _, name := range choice.Remove {
		i := slices.Index(p.Components, name)
		if i < 0 {
			return cat, exit.BadInputf("components leaves out %s, which profile %s does not have; it has: %s", name, p.Name, strings.Join(p.Components, ", "))
		}
		p.Components = slices.Delete(p.Components, i, i+1)
		delete(p.Sizes, name)
		delete(p.Settings, name)
	}
	for _, name := range choice.Add {
		if _, ok := cat.Component(name); !ok {
			return cat, exit.BadInputf("components adds %s, which is no component; there are: %s", name, strings.Join(cat.names(), ", "))
		}
		if err := cat.add(&p, name, choice.Remove); err != nil {
			return cat, err
		}
	}
	for name, size := range choice.Sizes {
		if !slices.Contains(p.Components, name) {
			return cat, exit.BadInputf("sizes names %s, which is not among the components of the platform: %s", name, strings.Join(p.Components, ", "))
		}
		if p.Sizes == nil {
			p.Sizes = map[string]string{}
		}
		p.Sizes[name] = size
	}
	out := Catalog{Components: slices.Clone(cat.Components), Profiles: slices.Clone(cat.Profiles)}
	for i, c := range out.Components {
		if !slices.Contains(p.Components, c.Name) {
			continue
		}
		if out.Components[i], err = c.Sized(p.SizeOf(c)); err != nil {
			return cat, err
		}
	}
	i := slices.IndexFunc(out.Profiles, func(other Profile) bool { return other.Name == p.Name })
	out.Profiles[i] = p
	return out, nil
}

// add puts a component into a profile, and before it what it needs and the
// profile lacks.
func (cat Catalog) add(p *Profile, name string, removed []string) error {
	if slices.Contains(p.Components, name) {
		return nil
	}
	c, _ := cat.Component(name)
	for _, n := range c.Needs {
		if n.Optional || slices.ContainsFunc(p.Components, func(have string) bool { return cat.satisfies(have, n.Name) }) {
			continue
		}
		if slices.Contains(removed, n.Name) {
			return exit.BadInputf("components leaves out %s, but adds %s, which needs it: %s", n.Name, name, n.Why)
		}
		if _, ok := cat.Component(n.Name); !ok {
			return exit.BadInputf("components adds %s, which needs a %s (%s), and profile %s has none", name, n.Name, n.Why, p.Name)
		}
		if err := cat.add(p, n.Name, removed); err != nil {
			return err
		}
	}
	p.Components = append(p.Components, name)
	return nil
}

func (cat Catalog) names() []string {
	names := make([]string, len(cat.Components))
	for i, c := range cat.Components {
		names[i] = c.Name
	}
	return names
}
