package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/lock"
	"github.com/buenhyden/hy-home/internal/plan"
)

const componentsIntro = `<!-- Written by make generate; edit internal/catalog/components and internal/catalog/profiles in its place. -->
# Components

What a platform can be made of: every directory of [the catalog](../internal/catalog/components). A profile chooses some of them,
` + "`components: +name -name`" + ` of [setup-platform](../actions/setup-platform/README.md) changes that choice, and ` + "`hyaction platform plan`" + ` shows what comes of it on your machine.
One more is [a directory](adding-a-component.md).

Of each component below: what it *needs* must be chosen too and is there before it; what it comes *after* goes first where it is chosen.
What it *exposes* is named as it is called where it runs: a container on the data tier's network, or a Service of its namespace. The output ` + "`endpoints`" + ` has all ways to it.

## Profiles

`

// tiers in the order of the page.
var tiers = []struct{ name, title string }{
	{"docker", "Docker tier"}, {"bridge", "Between the tiers"}, {"cluster", "Cluster tier"},
}

// componentsPage is docs/components.md: the catalog, for people.
func componentsPage(cat catalog.Catalog) ([]byte, error) {
	var b strings.Builder
	b.WriteString(componentsIntro)
	if err := profilesTable(&b, cat); err != nil {
		return nil, err
	}
	b.WriteString("\n## How far each has been proven\n\n| | |\n|---|---|\n")
	for _, w := range catalog.Ways {
		fmt.Fprintf(&b, "| %s | %s |\n", w.Name, cell(w.Means))
	}
	b.WriteString("\nThe test bed's pod network enforces no NetworkPolicy: policies are accepted there and have no effect. What is rendered or loaded has not been seen to run there; " +
		"[nightly.yml](../.github/workflows/nightly.yml) brings the profiles `ci` and `full` up on GitHub's runner, with published images.\n")
	for _, tier := range tiers {
		if err := tierSection(&b, cat, tier.name, tier.title); err != nil {
			return nil, err
		}
	}
	return []byte(b.String()), nil
}

// profilesTable says what each profile is for, what it asks for on the machine
// that it is meant for, and what it is made of.
func profilesTable(b *strings.Builder, cat catalog.Catalog) error {
	b.WriteString("| profile | | machine | asks for |\n|---|---|---|---|\n")
	sizes := make([]map[string]string, len(cat.Profiles)) // of each profile: component -> its size
	for i, profile := range cat.Profiles {
		sized, err := cat.Choose(profile.Name, catalog.Choice{})
		if err != nil {
			return err
		}
		p, err := plan.New(sized, plan.Target{Profile: profile.Name}, plan.Machine{})
		if err != nil {
			return err
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", profile.Name, cell(profile.Description), amounts(profile.Machine), amounts(p.Budget))
		sizes[i] = map[string]string{}
		for _, c := range p.Components {
			sizes[i][c.Name] = cmp.Or(c.Size, "•")
		}
	}
	b.WriteString("\n\"Asks for\" is the sum of the components' budgets: the memory that each takes, and images unpacked. " +
		"A test holds it, with the runner's own use, against the machine that the profile is meant for: a quarter more memory where it was measured, half as much again where it is an estimate, " +
		"and all limits together at most half as much again as the machine has. A run measures the machine that it is on.\n\n|")
	for _, p := range cat.Profiles {
		b.WriteString(" | " + p.Name)
	}
	b.WriteString(" |\n|---" + strings.Repeat("|:---:", len(cat.Profiles)) + "|\n")
	for _, tier := range tiers {
		for _, c := range cat.Components {
			if c.Tier != tier.name || c.ForCluster == plan.Existing {
				continue
			}
			b.WriteString("| " + link(c.Name))
			for i := range cat.Profiles {
				b.WriteString(" | " + sizes[i][c.Name])
			}
			b.WriteString(" |\n")
		}
	}
	b.WriteString("\nA word in place of the dot is the size, where it is another than the component's own, `slim`.\n")
	return nil
}

// tierSection is the overview of one tier, and then each of its components.
func tierSection(b *strings.Builder, cat catalog.Catalog, tier, title string) error {
	fmt.Fprintf(b, "\n## %s\n\n| component | version | memory | proven |\n|---|---|---|---|\n", title)
	var details strings.Builder
	for _, c := range cat.Components {
		if c.Tier != tier {
			continue
		}
		version, err := version(c)
		if err != nil {
			return err
		}
		memory, err := perSize(c, memoryOf)
		if err != nil {
			return err
		}
		fmt.Fprintf(b, "| [%s](#%s) | %s | %s | %s |\n", c.Name, c.Name, version, memory, c.Proven.How)
		if err := componentSection(&details, cat, c, version, memory); err != nil {
			return err
		}
	}
	b.WriteString(details.String())
	return nil
}

func componentSection(b *strings.Builder, cat catalog.Catalog, c catalog.Component, version, memory string) error {
	fmt.Fprintf(b, "\n### %s\n\n%s.\n\n", c.Name, cell(c.Description))
	line := func(what, text string) {
		if text != "" {
			fmt.Fprintf(b, "- %s: %s\n", what, text)
		}
	}
	line("version", version)
	line("memory", strings.TrimSuffix(memory+"; "+cell(c.Budget.Basis), "; "))
	line("images", strings.Join(codes(c.Images), ", "))
	for _, n := range c.Needs {
		what := "needs"
		if n.Optional {
			what = "after"
		}
		line(what, needed(cat, n.Name)+": "+cell(n.Why))
	}
	exposes, err := perSize(c, func(c catalog.Component) string {
		offers := make([]string, len(c.Expose))
		for i, e := range c.Expose {
			offers[i] = offer(e)
		}
		return strings.Join(offers, ", ")
	})
	if err != nil {
		return err
	}
	line("exposes", exposes)
	line("profiles", profilesOf(cat, c))
	line("proven", strings.TrimSuffix(c.Proven.How+": "+cell(c.Proven.By), ": "))
	return nil
}

// memoryOf is what it takes, and the most that it is given.
func memoryOf(c catalog.Component) string {
	if c.Budget.Limit == 0 {
		return c.Budget.Memory.String()
	}
	return fmt.Sprintf("%s of at most %s", c.Budget.Memory, c.Budget.Limit)
}

// version is that of the chart, else the tags of its images.
func version(c catalog.Component) (string, error) {
	chart, remote, err := lock.RemoteChart(c)
	if err != nil {
		return "", err
	}
	if remote {
		return "chart " + strings.TrimPrefix(chart.Version, "v"), nil
	}
	tags := make([]string, len(c.Images))
	for i, image := range c.Images {
		image, _, _ = strings.Cut(image, "@")
		tags[i] = strings.Replace(image[strings.LastIndex(image, "/")+1:], ":", " ", 1)
	}
	return strings.Join(tags, ", "), nil
}

// perSize is a text of the component, and those of its other sizes where they differ.
func perSize(c catalog.Component, of func(catalog.Component) string) (string, error) {
	text := of(c)
	for _, size := range c.Sizes()[1:] {
		sized, err := c.Sized(size)
		if err != nil {
			return "", err
		}
		if other := of(sized); other != of(c) {
			text += "; at size " + size + " " + other
		}
	}
	return text, nil
}

func offer(e catalog.Endpoint) string {
	addresses := make([]string, len(e.Hosts))
	for i, host := range e.Hosts {
		addresses[i] = fmt.Sprintf("`%s:%d`", host, e.Port)
	}
	return fmt.Sprintf("%s (%s) at %s", e.Name, e.Protocol, strings.Join(addresses, ", "))
}

// needed links to a component, or to those that provide what is needed.
func needed(cat catalog.Catalog, name string) string {
	if _, ok := cat.Component(name); ok {
		return link(name)
	}
	var providers []string
	for _, c := range cat.Components {
		if c.Provides == name {
			providers = append(providers, link(c.Name))
		}
	}
	return name + " (" + strings.Join(providers, " or ") + ")"
}

func profilesOf(cat catalog.Catalog, c catalog.Component) string {
	var names []string
	for _, p := range cat.Profiles {
		if slices.Contains(p.Components, c.Name) {
			names = append(names, p.Name)
		}
	}
	switch {
	case c.OptIn != "":
		return "none, as " + cell(c.OptIn) + "; `components: +" + c.Name + "` adds it"
	case c.ForCluster == plan.Existing:
		return "with `cluster: existing` it takes the place of [kind](#kind)"
	}
	return strings.Join(names, ", ")
}

func amounts(y catalog.Budget) string {
	return fmt.Sprintf("%s CPU, %s memory, %s disk", y.CPU, y.Memory, y.Disk)
}

func link(name string) string { return "[" + name + "](#" + name + ")" }

func codes(texts []string) []string {
	out := make([]string, len(texts))
	for i, text := range texts {
		out[i] = code(text)
	}
	return out
}
