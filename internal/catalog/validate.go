package catalog

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/buenhyden/hy-home/internal/pattern"
)

// The values that component.yaml may use.
var (
	tiers       = []string{"docker", "cluster", "bridge"}
	forCluster  = []string{"", "kind", "existing"}
	podSecurity = []string{"", "privileged", "baseline", "restricted"}
	nameForm    = pattern.New(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	tagged      = pattern.New(`^[a-z0-9.-]+(:[0-9]+)?/[a-z0-9._/-]+:[A-Za-z0-9._-]+(@sha256:[0-9a-f]{64})?$`)
)

// maxTimeout of a component: a whole run has to fit into a CI job, and nothing
// that comes up at all has been seen to take longer.
const maxTimeout = 30 * time.Minute

// Validate reports everything that is wrong in a catalog, each fault with the
// file to open. What only a driver can know (its settings) is left to it.
func Validate(cat Catalog) []error {
	var faults []error
	known := map[string]bool{}
	for _, c := range cat.Components {
		if known[c.Name] {
			faults = append(faults, fmt.Errorf("components/%s: there are two components of this name", c.Name))
		}
		known[c.Name] = true
		if c.Provides != "" {
			known[c.Provides] = true
		}
	}
	for _, c := range cat.Components {
		add := func(format string, args ...any) {
			faults = append(faults, fmt.Errorf("components/%s/component.yaml: %s", c.Name, fmt.Sprintf(format, args...)))
		}
		checkComponent(c, add)
		if c.From != "" {
			add("from is of a size, which starts from another one")
		}
		for _, size := range c.Sizes() {
			sized, _ := c.Sized(size) // it is one of them
			add := add
			if sized.Size != "" {
				add = func(format string, args ...any) {
					faults = append(faults, fmt.Errorf("components/%s/%s/%s/component.yaml: %s", c.Name, sizesDir, size, fmt.Sprintf(format, args...)))
				}
				checkComponent(sized, add)
			}
			for _, n := range sized.Needs {
				if !known[n.Name] {
					add("needs %q, which is no component", n.Name)
				}
			}
		}
	}
	checkSecretsOnce(cat.Components, func(c Component, format string, args ...any) {
		faults = append(faults, fmt.Errorf("components/%s/component.yaml: %s", c.Name, fmt.Sprintf(format, args...)))
	})
	for i, p := range cat.Profiles {
		if slices.ContainsFunc(cat.Profiles[:i], func(other Profile) bool { return other.Name == p.Name }) {
			faults = append(faults, fmt.Errorf("profiles/%s.yaml: there are two profiles of this name", p.Name))
		}
		checkProfile(cat, p, func(format string, args ...any) {
			faults = append(faults, fmt.Errorf("profiles/%s.yaml: %s", p.Name, fmt.Sprintf(format, args...)))
		})
	}
	return faults
}

func checkComponent(c Component, add func(string, ...any)) {
	if !nameForm.MatchString(c.Name) {
		add("name %q must be lower case letters, digits and dashes", c.Name)
	}
	if strings.TrimSpace(c.Description) == "" {
		add("description is missing: say in one line what it is for")
	}
	if !slices.Contains(tiers, c.Tier) {
		add("tier is %q, want one of %s", c.Tier, strings.Join(tiers, ", "))
	}
	if c.Driver == "" {
		add("driver is missing")
	}
	if c.ForData != "" && c.ForData != "docker" {
		add("for-data is %q, want docker or nothing", c.ForData)
	}
	if !slices.Contains(forCluster, c.ForCluster) {
		add("for-cluster is %q, want kind or existing, or nothing for both", c.ForCluster)
	}
	if c.Timeout <= 0 || time.Duration(c.Timeout) > maxTimeout {
		add("timeout is %s, want more than 0 and at most %s", time.Duration(c.Timeout), maxTimeout)
	}
	if !slices.Contains(podSecurity, c.PodSecurity) {
		add("pod-security is %q, want privileged, baseline or restricted", c.PodSecurity)
	}
	for _, n := range c.Needs {
		if strings.TrimSpace(n.Why) == "" {
			add("needs %q without saying why", n.Name)
		}
	}
	for _, image := range c.Images {
		if !tagged.MatchString(image) || strings.Contains(image, ":latest") {
			add("image %q needs its registry and a fixed tag: docker.io/library/redis:7.0.15", image)
		}
	}
	if len(c.Images) > 0 && (c.Budget.Memory == 0 || c.Budget.CPU == 0) {
		add("it runs images, so budget.cpu and budget.memory must be more than 0")
	}
	for _, port := range c.Ports {
		if port < 1 || port > 65535 {
			add("port %d is not between 1 and 65535", port)
		}
	}
	for _, name := range c.Secrets {
		if !nameForm.MatchString(name) {
			add("secret %q must be lower case letters, digits and dashes", name)
		}
	}
	CheckSecrets(c, add)
	for _, e := range c.Expose {
		checkEndpoint(c, e, add)
	}
	checkProbes(c, add)
	checkProof(c.Proven, add)
}

// satisfies reports whether a component is what is needed, by its name or by
// what it provides.
func (cat Catalog) satisfies(component, need string) bool {
	if component == need {
		return true
	}
	have, ok := cat.Component(component)
	return ok && have.Provides == need
}

func checkProfile(cat Catalog, p Profile, add func(string, ...any)) {
	var chosen []Component
	for _, name := range p.Components {
		if c, ok := cat.Component(name); ok {
			chosen = append(chosen, c)
		}
	}
	if err := CheckEndpoints(chosen); err != nil {
		add("%v", err)
	}
	if strings.TrimSpace(p.Description) == "" {
		add("description is missing")
	}
	for i, name := range p.Components {
		c, ok := cat.Component(name)
		if !ok {
			add("chooses %q, which is no component", name)
		}
		if slices.Contains(p.Components[:i], name) {
			add("chooses %q twice", name)
		}
		for _, n := range c.Needs {
			if !n.Optional && !slices.ContainsFunc(p.Components, func(name string) bool { return cat.satisfies(name, n.Name) }) {
				add("chooses %q but not %q, which it needs: %s", name, n.Name, n.Why)
			}
		}
	}
	for name, size := range p.Sizes {
		c, _ := cat.Component(name)
		if !slices.Contains(p.Components, name) {
			add("has a size for %q, which it does not choose", name)
		} else if !slices.Contains(c.Sizes(), size) {
			add("wants %s at size %q; there are: %s", name, size, strings.Join(c.Sizes(), ", "))
		}
	}
	if p.Size != "" && !slices.ContainsFunc(p.Components, func(name string) bool {
		c, _ := cat.Component(name)
		return slices.Contains(c.Sizes(), p.Size)
	}) {
		add("none of its components has the size %q", p.Size)
	}
	for name, settings := range p.Settings {
		c, _ := cat.Component(name)
		if !slices.Contains(p.Components, name) {
			add("has settings for %q, which it does not choose", name)
			continue
		}
		for key := range settings {
			if _, ok := c.Settings[key]; !ok {
				add("sets %s.%s, which the component does not have", name, key)
			}
		}
	}
}
