// Package parts_test holds the modules of the parts to one another's versions.
package parts_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// versions reads a go.mod: what is used of each module, a replace before a require.
func versions(t *testing.T, part string) (used, replaced map[string]string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(part, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	used, replaced = map[string]string{}, map[string]string{}
	for line := range strings.Lines(string(data)) {
		line, _, _ = strings.Cut(line, "//")
		f := strings.Fields(strings.TrimPrefix(strings.TrimPrefix(line, "require "), "replace "))
		switch {
		case len(f) == 4 && f[1] == "=>":
			replaced[f[0]] = f[3]
		case len(f) == 2 && strings.HasPrefix(f[1], "v"):
			used[f[0]] = f[1]
		}
	}
	for path, version := range replaced {
		used[path] = version
	}
	return used, replaced
}

// A part that is held to the versions of kubernetes and misses one compiles
// nearly all of its packages anew, and nobody notices but by the clock.
func TestVersions_AsKubernetes(t *testing.T) {
	kubernetes, _ := versions(t, "kubernetes")
	for _, part := range []string{"argo-rollouts", "kwok", "metallb", "metrics-server"} {
		_, replaced := versions(t, part)
		if len(replaced) == 0 {
			t.Errorf("%s: no replace was found", part)
		}
		for path, version := range replaced {
			if want, shared := kubernetes[path]; shared && version != want {
				t.Errorf("%s has %s %s, kubernetes has %s", part, path, version, want)
			}
		}
	}
}

// These share their packages with the main module in the same way.
func TestVersions_AsTheMainModule(t *testing.T) {
	main, _ := versions(t, filepath.Join("..", ".."))
	for _, part := range []string{"sealed-secrets", "buildkit"} {
		used, _ := versions(t, part)
		shared := 0
		for path, version := range used {
			// Upstream asks for newer ones of these, which little depends on.
			if strings.HasPrefix(path, "github.com/prometheus/") || path == "github.com/mattn/go-isatty" {
				continue
			}
			if want, ok := main[path]; ok {
				shared++
				if version != want {
					t.Errorf("%s has %s %s, the main module has %s", part, path, version, want)
				}
			}
		}
		if shared < 20 {
			t.Errorf("%s: only %d modules are shared", part, shared)
		}
	}
}
