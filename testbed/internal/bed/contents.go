package bed

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/buenhyden/hy-home/testbed/internal/artifact"
	"github.com/buenhyden/hy-home/testbed/internal/debian"
	"github.com/buenhyden/hy-home/testbed/internal/node"
	"github.com/buenhyden/hy-home/testbed/internal/parts"
	"github.com/buenhyden/hy-home/testbed/internal/services"
)

// contents is everything that can be built.
type contents struct {
	parts  map[string]*artifact.Artifact
	images []imageOf           // of every level with an engine
	beyond map[Level][]imageOf // what a level has beside them
}

// imageOf is one image of the engine.
type imageOf struct {
	name     string
	artifact *artifact.Artifact
	mirrored bool // the cluster pulls it: it belongs into the registry too
}

// plainParts are the parts that a plain bed runs, and the servers that tests start
// beside it.
func plainParts() []string {
	return []string{"kubernetes", "argo-rollouts", "kwok", "sealed-secrets", "s3-server"}
}

func (b *Bed) contents() (*contents, error) {
	c := &contents{parts: map[string]*artifact.Artifact{}, beyond: map[Level][]imageOf{}}
	for _, p := range parts.All() {
		a, err := p.Artifact(b.runner, b.root)
		if err != nil {
			return nil, err
		}
		c.parts[p.Name] = a
	}
	nodeRoot := debian.Root(b.runner, debian.Bookworm, "debian-node", debian.Minimal, node.Packages()...)
	serviceRoot := debian.Root(b.runner, debian.Bookworm, "debian-services", debian.Extract, services.Packages()...)
	golangRoot := debian.Root(b.runner, debian.Bookworm, "debian-golang", debian.Minimal, services.GolangPackages()...)
	nodeImage, err := node.Image(b.runner, node.Inputs{
		Debian: nodeRoot, Kubernetes: c.parts["kubernetes"], CoreDNS: c.parts["coredns"],
		LocalPath: c.parts["local-path-provisioner"], Tools: c.parts["node-tools"],
	}, node.Name)
	if err != nil {
		return nil, err
	}
	// runtime.GOROOT is empty in a program built with -trimpath.
	goroot, err := b.goroot()
	if err != nil {
		return nil, err
	}
	fromDebian := services.FromDebian(serviceRoot)
	c.images = []imageOf{
		{services.Registry, fromDebian[2], false},
		{services.Redis, fromDebian[0], true},
		{services.Prometheus, fromDebian[1], true},
		{services.Golang, services.GolangImage(golangRoot, goroot), false},
		// Before the last one that is compiled, so that this one, which takes the
		// longest to put together and to load, is made meanwhile.
		{node.Name, nodeImage, false},
		{services.Cache, services.PullThrough(c.parts["distribution"]), false},
		{services.Rollouts, services.ArgoRollouts(c.parts["argo-rollouts"]), true},
		{services.BuildKit, services.BuildKitImage(nodeRoot, c.parts["buildkit"], c.parts["node-tools"]), false},
	}
	data := services.Data(services.DataInputs{
		Debian:        debian.Root(b.runner, debian.Trixie, "debian-data", debian.Extract, services.DataPackages()...),
		Spilo:         debian.Root(b.runner, debian.Trixie, "debian-spilo", debian.Minimal, services.SpiloPackages()...),
		Kubernetes:    c.parts["kubernetes"],
		RedisExporter: c.parts["redis-exporter"],
	})
	for _, name := range slices.Sorted(maps.Keys(data)) {
		c.beyond[Data] = append(c.beyond[Data], imageOf{name, data[name], false})
	}
	for _, part := range services.ChartParts() {
		images := services.OfCharts(c.parts[part])
		for _, name := range slices.Sorted(maps.Keys(images)) {
			c.beyond[Charts] = append(c.beyond[Charts], imageOf{name, images[name], true})
		}
	}
	return c, nil
}

// of are the images of a level.
func (c *contents) of(level Level) []imageOf { return slices.Concat(c.images, c.beyond[level]) }

// publish links the programs of the parts that are built into BinDir, under
// names that stay the same when the parts change.
func (b *Bed) publish(c *contents) error {
	if err := os.MkdirAll(b.BinDir(), 0o755); err != nil {
		return err
	}
	for _, p := range parts.All() {
		a := c.parts[p.Name]
		if !b.store.Has(a) {
			continue
		}
		for _, program := range p.Programs {
			if err := link(filepath.Join(b.store.Path(a), program.Name), filepath.Join(b.BinDir(), program.Name)); err != nil {
				return fmt.Errorf("publish %s: %w", program.Name, err)
			}
		}
	}
	return nil
}

// link points name at target in one step: a container that starts meanwhile
// finds the one or the other.
func link(target, name string) error {
	if have, err := os.Readlink(name); err == nil && have == target {
		return nil
	}
	temp := name + ".new"
	if err := os.Remove(temp); err != nil && !os.IsNotExist(err) {
		return err
	}
	if err := os.Symlink(target, temp); err != nil {
		return err
	}
	return os.Rename(temp, name)
}
