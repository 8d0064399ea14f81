package catalog

import (
	"errors"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/decode"
)

// documented is what a component's documented.yaml holds: of each image the names of
// variables and flags that compose.yaml gives it, under the address of what explains
// them. The address is that of the image's documentation or, where this is silent, of
// its source; or a file of the component that reads the variable itself.
type documented map[string]map[string][]string

// newest is a part of addresses under which something else may stand tomorrow.
var newest = regexp.MustCompile(`/blob/(main|master)/|/(latest|current|stable)/`)

// All that a container is told is something that its image listens to: a variable
// that it does not know is one that does nothing, and nobody is told. As images are
// listed by version, a new one asks to be looked up again.
func TestConformance_WhatContainersAreToldIsDocumented(t *testing.T) {
	for _, c := range embeddedCatalog(t).Components {
		if c.Driver != "compose" {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			var docs documented
			text, err := fs.ReadFile(c.Files, "documented.yaml")
			if err == nil {
				err = decode.YAML(text, &docs)
			}
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			told := toldAtAnySize(t, c)
			for image, names := range told {
				known := slices.Concat(slices.Collect(maps.Values(docs[image]))...)
				for name := range names {
					if !slices.Contains(known, name) {
						t.Errorf("%s is told %s: look it up in what the image documents, and say in documented.yaml where it stands", image, name)
					}
				}
			}
			for image, sources := range docs {
				for source, names := range sources {
					own, err := fs.ReadFile(c.Files, source)
					if err != nil && !strings.HasPrefix(source, "https://") {
						t.Errorf("documented.yaml: %s is neither an address nor a file of the component", source)
					}
					if newest.MatchString(source) {
						t.Errorf("documented.yaml: %s is of whatever version is the newest: name that of %s", source, image)
					}
					for _, name := range names {
						if !told[image][name] {
							t.Errorf("documented.yaml: nothing tells %s of %s", image, name)
						}
						if err == nil && !regexp.MustCompile(`\b`+regexp.QuoteMeta(name)+`\b`).Match(own) {
							t.Errorf("documented.yaml: %s does not read %s", source, name)
						}
					}
				}
			}
		})
	}
}

// toldAtAnySize are the variables and flags that a component's services get, by image.
func toldAtAnySize(t *testing.T, c Component) map[string]map[string]bool {
	t.Helper()
	told := map[string]map[string]bool{}
	for _, size := range c.Sizes() {
		sized, err := c.Sized(size)
		if err != nil {
			t.Fatal(err)
		}
		file, _ := readCompose(t, sized)
		for _, s := range file.Services {
			names := told[s.Image]
			if names == nil {
				names = map[string]bool{}
				told[s.Image] = names
			}
			for name := range s.Environment {
				names[name] = true
			}
			for _, word := range s.Command {
				if name, _, _ := strings.Cut(word, "="); strings.HasPrefix(name, "-") {
					names[name] = true
				}
			}
			for _, config := range s.Configs {
				script, err := fs.ReadFile(sized.Files, file.Configs[config.Source].File)
				if err != nil {
					continue // it stands in compose.yaml itself
				}
				for _, export := range regexp.MustCompile(`(?m)^\s*export (.+)$`).FindAllSubmatch(script, -1) {
					for _, name := range strings.Fields(string(export[1])) {
						names[name] = true
					}
				}
			}
		}
	}
	return told
}
