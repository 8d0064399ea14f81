package catalog

import (
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// The conformance suite: every directory under components/ must pass it. A test
// that fails names the component and says what is missing.

func embeddedCatalog(t *testing.T) Catalog {
	t.Helper()
	cat, err := Embedded()
	if err != nil {
		t.Fatalf("the catalog does not load:\n%v", err)
	}
	return cat
}

func each(t *testing.T, check func(t *testing.T, c Component)) {
	for _, c := range embeddedCatalog(t).Components {
		for _, size := range c.Sizes() {
			sized, err := c.Sized(size)
			if err != nil {
				t.Fatal(err)
			}
			t.Run(strings.TrimSuffix(c.Name+"/"+sized.Size, "/"), func(t *testing.T) { check(t, sized) })
		}
	}
}

func TestConformance_NoCycle(t *testing.T) {
	cat := embeddedCatalog(t)
	var visit func(name string, path []string)
	visit = func(name string, path []string) {
		if slices.Contains(path, name) {
			t.Fatalf("these need each other in a circle: %s", strings.Join(append(path, name), " -> "))
		}
		c, _ := cat.Component(name)
		for _, n := range c.Needs {
			visit(n.Name, append(path, name))
		}
	}
	for _, c := range cat.Components {
		visit(c.Name, nil)
	}
}

// Joining a node to another network cuts the connections to its API server
// (Docker before 28), so nothing may be talking to it then.
func TestConformance_WhatTalksToTheClusterComesAfterTheBridge(t *testing.T) {
	cat := embeddedCatalog(t)
	after := func(name, other string) bool {
		seen := map[string]bool{}
		var visit func(string) bool
		visit = func(name string) bool {
			if seen[name] {
				return false
			}
			seen[name] = true
			c, _ := cat.Component(name)
			return slices.ContainsFunc(c.Needs, func(n Need) bool { return n.Name == other || visit(n.Name) })
		}
		return visit(name)
	}
	each(t, func(t *testing.T, c Component) {
		if slices.Contains([]string{"manifest", "helm", "credentials", "endpoints", "proof"}, c.Driver) && !after(c.Name, "infra-bridge") {
			t.Error("it does not come after infra-bridge: let it need namespaces, which does")
		}
	})
}

func TestConformance_EveryComponentIsInAProfile(t *testing.T) {
	cat := embeddedCatalog(t)
	each(t, func(t *testing.T, c Component) {
		if c.ForCluster == "existing" && c.Provides != "" {
			return // takes the place of what provides it in a cluster of kind
		}
		chosen := slices.ContainsFunc(cat.Profiles, func(p Profile) bool { return slices.Contains(p.Components, c.Name) })
		switch {
		case !chosen && c.OptIn == "":
			t.Error("no profile chooses it: nothing would ever run it; put it into one, or say in opt-in why it is left to the user")
		case chosen && c.OptIn != "":
			t.Errorf("a profile chooses it, but opt-in says why none does: %s", c.OptIn)
		}
	})
}

func TestConformance_Proven(t *testing.T) {
	each(t, func(t *testing.T, c Component) {
		if c.Proven.How == "" {
			t.Error("proven is missing: say how far it has been seen to work: {how: rendered}, or {how: ran, by: which test saw it}")
			return
		}
		if (c.Proven.How == "loaded") != (c.Driver == "compose") && c.Proven.How != "ran" {
			t.Errorf("proven: how is %q: Compose files are loaded, all else is rendered", c.Proven.How)
		}
	})
}

// What a budget says is known from somewhere, and can be held against what bounds it.
func TestConformance_Budget(t *testing.T) {
	each(t, func(t *testing.T, c Component) {
		word, _, _ := strings.Cut(strings.NewReplacer(",", " ", ";", " ").Replace(c.Budget.Basis), " ")
		if c.Budget.Memory > 0 && !slices.Contains([]string{"measured", "sourced", "estimated"}, word) {
			t.Errorf("budget.basis is %q: say where its memory is from: measured, how; sourced, with the address; or estimated, out of what", c.Budget.Basis)
		}
		if c.Budget.Limit > 0 && c.Budget.Limit < c.Budget.Memory {
			t.Errorf("budget.limit is %s, less than its memory (%s)", c.Budget.Limit, c.Budget.Memory)
		}
	})
}

// Whoever uses a component finds it under the same names at every size.
func TestConformance_SizesOfferTheSame(t *testing.T) {
	offers := func(c Component) string {
		var names []string
		for _, e := range c.Expose {
			names = append(names, fmt.Sprintf("%s %s :%d %v", e.Name, e.Protocol, e.Port, e.Clustered))
		}
		return strings.Join(names, ", ")
	}
	cat := embeddedCatalog(t)
	each(t, func(t *testing.T, c Component) {
		base, _ := cat.Component(c.Name)
		if got, want := offers(c), offers(base); got != want {
			t.Fatalf("it offers %s, at its own size %s", got, want)
		}
		for i, e := range base.Expose {
			if e.Clustered {
				continue // clients are told who there is
			}
			if !slices.Equal(e.Hosts, c.Expose[i].Hosts) {
				t.Errorf("expose %s: it answers at %v, at its own size at %v", e.Name, c.Expose[i].Hosts, e.Hosts)
			}
		}
	})
}

// Readiness is declared, but for drivers that see to it themselves, and for objects
// that are all they can be once the API server has them.
func TestConformance_Ready(t *testing.T) {
	kind := regexp.MustCompile(`(?m)^kind: (\S+)`)
	each(t, func(t *testing.T, c Component) {
		if len(c.Ready) > 0 || !slices.Contains([]string{"compose", "helm", "manifest"}, c.Driver) {
			return
		}
		waits := c.Driver != "manifest"
		files, err := fs.Glob(c.Files, "manifests/*")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			text, err := fs.ReadFile(c.Files, name)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range kind.FindAllSubmatch(text, -1) {
				waits = waits || !slices.Contains([]string{"Namespace", "NetworkPolicy"}, string(m[1]))
			}
		}
		if waits {
			t.Error("ready is missing: say what is seen when it is up, or what needs it starts too early")
		}
	})
}

func TestConformance_Takes(t *testing.T) {
	each(t, func(t *testing.T, c Component) {
		if c.Takes <= 0 || c.Takes > c.Timeout {
			t.Errorf("takes is %s: say how long it usually takes, at most its timeout; what starts first follows from it", time.Duration(c.Takes))
		}
	})
}

func TestConformance_Namespace(t *testing.T) {
	each(t, func(t *testing.T, c Component) {
		if c.Namespace != "" && c.Tier == "docker" {
			t.Errorf("it is in the docker tier and has namespace %q", c.Namespace)
		}
		if c.PodSecurity != "" && c.Namespace == "" {
			t.Error("it has a pod-security level without a namespace")
		}
	})
}

// A Secret that is made for a component is one that its chart or manifests name,
// and what it holds is nowhere in their text.
func TestConformance_KubernetesSecrets(t *testing.T) {
	each(t, func(t *testing.T, c Component) {
		var text strings.Builder
		err := fs.WalkDir(c.Files, ".", func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || path == "component.yaml" || strings.HasPrefix(path, "chart/") {
				return err
			}
			file, err := fs.ReadFile(c.Files, path)
			text.Write(file)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range c.KubernetesSecrets {
			if !strings.Contains(text.String(), s.Name) {
				t.Errorf("kubernetes-secrets %s: nothing in its values or manifests names it", s.Name)
			}
			if len(s.Credentials()) == 0 {
				t.Errorf("kubernetes-secrets %s: there is no credential in it: write it as a manifest", s.Name)
			}
		}
		for _, name := range c.Secrets {
			if c.Tier == "cluster" && !slices.ContainsFunc(c.KubernetesSecrets, func(s KubernetesSecret) bool { return slices.Contains(s.Credentials(), name) }) &&
				!slices.ContainsFunc(c.Expose, func(e Endpoint) bool { return slices.Contains(slices.Collect(maps.Values(e.Secrets)), name) }) {
				t.Errorf("secret %s reaches nothing: no Kubernetes Secret and no endpoint of the component uses it", name)
			}
		}
	})
}

// A misspelt name would leave out for ever what it is about.
func TestConformance_TemplatesAskForComponentsThatExist(t *testing.T) {
	cat := embeddedCatalog(t)
	asked := regexp.MustCompile(`\.Has "([^"]*)"`)
	each(t, func(t *testing.T, c Component) {
		err := fs.WalkDir(c.Files, ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(name, templateSuffix) {
				return err
			}
			text, err := fs.ReadFile(c.Files, name)
			for _, m := range asked.FindAllStringSubmatch(string(text), -1) {
				if _, ok := cat.Component(m[1]); !ok {
					t.Errorf("%s: asks for %q, which is no component", name, m[1])
				}
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
}
