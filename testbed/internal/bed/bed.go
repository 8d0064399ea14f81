// Package bed puts a test bed together: which artifacts each level needs, in
// which order things start, and how they end.
package bed

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/buenhyden/hy-home/internal/docker"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/run"
	"github.com/buenhyden/hy-home/testbed/internal/artifact"
	"github.com/buenhyden/hy-home/testbed/internal/host"
	"github.com/buenhyden/hy-home/testbed/internal/parts"
)

// Level is how much of a test bed is wanted.
type Level string

// The levels.
const (
	Plain  Level = "plain"
	Engine Level = "engine"
	Data   Level = "data"   // engine, and the images of the data tier beside Redis
	Charts Level = "charts" // engine, and the images of what runs through charts
	Kind   Level = "kind"
)

// ParseLevel reads a level.
func ParseLevel(s string) (Level, error) {
	switch l := Level(s); l {
	case Plain, Engine, Data, Charts, Kind:
		return l, nil
	}
	return "", exit.BadInputf("level %q: want plain, engine, data, charts or kind", s)
}

// Bed is the test bed of this machine.
type Bed struct {
	root     string // the checkout
	cache    string // what is built
	state    string // what runs: process numbers, logs, the plain bed
	upstream bool   // images come from upstream registries
	runner   run.Runner
	store    *artifact.Store
	engine   *docker.Engine
}

// Find reads where everything lies. The working directory must be in a checkout.
func Find(getenv func(string) string, runner run.Runner) (*Bed, error) {
	root, err := checkout()
	if err != nil {
		return nil, err
	}
	cache, err := directory(getenv("HY_TESTBED_CACHE"), getenv("XDG_CACHE_HOME"), getenv("HOME"), ".cache")
	if err != nil {
		return nil, err
	}
	state, err := directory("", getenv("XDG_STATE_HOME"), getenv("HOME"), ".local/state")
	if err != nil {
		return nil, err
	}
	upstream := false
	switch mode := getenv("TESTBED"); mode {
	case "", "build":
	case "upstream":
		upstream = true
	default:
		return nil, exit.BadInputf("TESTBED=%q: want upstream (images from their registries) or build (the default)", mode)
	}
	return &Bed{
		root: root, cache: cache, state: state, upstream: upstream, runner: runner,
		store:  &artifact.Store{Dir: filepath.Join(cache, "store")},
		engine: &docker.Engine{Getenv: getenv},
	}, nil
}

// Close ends connections; nothing of the bed itself.
func (b *Bed) Close() error { return b.engine.Close() }

// BinDir holds the programs of a plain bed, and the OCI runtime.
func (b *Bed) BinDir() string { return filepath.Join(b.cache, "bin") }

// PlainDir is the directory of the plain bed.
func (b *Bed) PlainDir() string { return filepath.Join(b.state, "plain") }

func (b *Bed) dockerd() *host.Dockerd {
	return &host.Dockerd{Dir: b.state, Engine: b.engine, Runtime: filepath.Join(b.BinDir(), parts.RuncBounded)}
}

// name is the directory of a test bed in the user's directories.
const name = "hy-home-testbed"

func directory(own, xdg, home, fallback string) (string, error) {
	switch {
	case own != "":
		return filepath.Abs(own)
	case xdg != "":
		return filepath.Join(xdg, name), nil
	case home != "":
		return filepath.Join(home, fallback, name), nil
	}
	return "", exit.BadInputf("neither HOME nor an XDG directory is set: set HY_TESTBED_CACHE and XDG_STATE_HOME")
}

// checkout is the directory of the main module above the working directory.
func checkout() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the checkout: %w", err)
	}
	for {
		mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(mod), "module github.com/buenhyden/hy-home\n") {
			return dir, nil
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", fmt.Errorf("find the checkout: %w", err)
		}
		if dir == filepath.Dir(dir) {
			return "", exit.BadInputf("this is no checkout of hy-home: run testbed from within one")
		}
		dir = filepath.Dir(dir)
	}
}
